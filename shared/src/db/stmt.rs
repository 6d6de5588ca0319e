//! Statements with bound values.

use proto::time::UnixTime;

/// A bound or read value. The dialect knows TEXT and BIGINT only; an `Int` never goes to a TEXT column
/// (D1 would store it as `"7.0"`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// SQL NULL.
    Null,
    /// BIGINT.
    Int(i64),
    /// TEXT.
    Text(String),
}

impl From<&str> for Value {
    fn from(v: &str) -> Self {
        Self::Text(v.to_owned())
    }
}
impl From<String> for Value {
    fn from(v: String) -> Self {
        Self::Text(v)
    }
}
impl From<&String> for Value {
    fn from(v: &String) -> Self {
        Self::Text(v.clone())
    }
}
impl From<i64> for Value {
    fn from(v: i64) -> Self {
        Self::Int(v)
    }
}
impl From<bool> for Value {
    fn from(v: bool) -> Self {
        Self::Int(i64::from(v))
    }
}
impl From<UnixTime> for Value {
    fn from(v: UnixTime) -> Self {
        Self::Int(v.0)
    }
}
impl<T: Into<Self>> From<Option<T>> for Value {
    fn from(v: Option<T>) -> Self {
        v.map_or(Self::Null, Into::into)
    }
}

/// One SQL statement with its values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stmt {
    /// SQL of the common dialect with placeholders `?1 ?2 …`. Constant, so that adapters can cache by text.
    pub sql: &'static str,
    /// Values of the placeholders, in order.
    pub args: Vec<Value>,
    /// Whether the statement must change exactly one row; else the whole batch is undone with
    /// [`DbError::Lost`](crate::ports::DbError::Lost).
    pub must_change_one: bool,
}

impl Stmt {
    /// A statement without values.
    #[must_use]
    pub const fn new(sql: &'static str) -> Self {
        Self { sql, args: Vec::new(), must_change_one: false }
    }

    /// Binds the next placeholder.
    #[must_use]
    pub fn bind(mut self, value: impl Into<Value>) -> Self {
        self.args.push(value.into());
        self
    }

    /// Demands that exactly one row changes, or nothing of the batch happens.
    #[must_use]
    pub const fn one(mut self) -> Self {
        self.must_change_one = true;
        self
    }

    /// Whether the statement only reads. Told by its first word: a `WITH` counts as a write, which costs speed and
    /// never correctness.
    #[must_use]
    pub fn is_read(&self) -> bool {
        !self.must_change_one && self.sql.trim_start().starts_with("SELECT")
    }
}
