//! Rows as read.

use super::Value;
use crate::ports::DbError;
use proto::time::UnixTime;
use std::sync::Arc;

/// One row: values by column name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Column names, shared by the rows of one result.
    pub columns: Arc<[String]>,
    /// Values, in the order of the columns.
    pub values: Vec<Value>,
}

/// The rows of one statement.
pub type Rows = Vec<Row>;

impl Row {
    fn value(&self, column: &str) -> Option<&Value> {
        let at = self.columns.iter().position(|c| c == column)?;
        self.values.get(at)
    }

    fn misfit(column: &str, want: &str) -> DbError {
        DbError::Inconsistent { table: "result", what: format!("column {column} is not {want}") }
    }

    /// A TEXT column that is never NULL.
    ///
    /// # Errors
    /// [`DbError::Inconsistent`] if it is absent, NULL or a number.
    pub fn text(&self, column: &str) -> Result<String, DbError> {
        self.opt_text(column)?.ok_or_else(|| Self::misfit(column, "text"))
    }

    /// A TEXT column that may be NULL.
    ///
    /// # Errors
    /// [`DbError::Inconsistent`] if it is absent or a number.
    pub fn opt_text(&self, column: &str) -> Result<Option<String>, DbError> {
        match self.value(column) {
            Some(Value::Text(t)) => Ok(Some(t.clone())),
            Some(Value::Null) => Ok(None),
            _ => Err(Self::misfit(column, "text")),
        }
    }

    /// A BIGINT column that is never NULL.
    ///
    /// # Errors
    /// [`DbError::Inconsistent`] if it is absent, NULL or text.
    pub fn int(&self, column: &str) -> Result<i64, DbError> {
        self.opt_int(column)?.ok_or_else(|| Self::misfit(column, "a number"))
    }

    /// A BIGINT column that may be NULL.
    ///
    /// # Errors
    /// [`DbError::Inconsistent`] if it is absent or text.
    pub fn opt_int(&self, column: &str) -> Result<Option<i64>, DbError> {
        match self.value(column) {
            Some(Value::Int(n)) => Ok(Some(*n)),
            Some(Value::Null) => Ok(None),
            _ => Err(Self::misfit(column, "a number")),
        }
    }

    /// A BIGINT column that holds 0 or 1.
    ///
    /// # Errors
    /// [`DbError::Inconsistent`] for anything else.
    pub fn flag(&self, column: &str) -> Result<bool, DbError> {
        match self.int(column)? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(Self::misfit(column, "0 or 1")),
        }
    }

    /// A BIGINT column of unix seconds.
    ///
    /// # Errors
    /// As [`Row::int`].
    pub fn time(&self, column: &str) -> Result<UnixTime, DbError> {
        self.int(column).map(UnixTime)
    }

    /// A BIGINT column of unix seconds that may be NULL.
    ///
    /// # Errors
    /// As [`Row::opt_int`].
    pub fn opt_time(&self, column: &str) -> Result<Option<UnixTime>, DbError> {
        Ok(self.opt_int(column)?.map(UnixTime))
    }
}
