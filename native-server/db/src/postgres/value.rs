//! Values in Postgres' types.

use shared::db::{Row, Value};
use shared::ports::DbError;
use std::sync::Arc;
use tokio_postgres::types::private::BytesMut;
use tokio_postgres::types::{IsNull, ToSql, Type, to_sql_checked};
use tokio_postgres::{Error, Statement};

/// The type a value is sent as. A NULL has none of its own and gets `null`.
pub(super) fn parameter_type(value: &Value, null: Type) -> Type {
    match value {
        Value::Null => null,
        Value::Int(_) => Type::INT8,
        Value::Text(_) => Type::TEXT,
    }
}

/// A value as a parameter of a statement that was prepared with [`parameter_type`].
#[derive(Debug)]
pub(super) struct Bound<'a>(pub(super) &'a Value);

type Encoded = Result<IsNull, Box<dyn std::error::Error + Sync + Send>>;

impl ToSql for Bound<'_> {
    fn to_sql(&self, ty: &Type, out: &mut BytesMut) -> Encoded {
        match self.0 {
            Value::Null => Ok(IsNull::Yes),
            Value::Int(n) => n.to_sql(ty, out),
            Value::Text(text) => text.to_sql(ty, out),
        }
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}

/// Refuses results that are neither text nor whole numbers.
pub(super) fn check_columns(statement: &Statement) -> Result<(), DbError> {
    match statement.columns().iter().find(|c| kind(c.type_()).is_none()) {
        None => Ok(()),
        Some(column) => Err(DbError::Inconsistent {
            table: "result",
            what: format!("column {} is {}", column.name(), column.type_()),
        }),
    }
}

/// Reads a row whose columns were checked.
pub(super) fn read_row(row: &tokio_postgres::Row, columns: &Arc<[String]>) -> Result<Row, Error> {
    let mut values = Vec::with_capacity(columns.len());
    for (at, column) in row.columns().iter().enumerate() {
        let value = match kind(column.type_()) {
            Some(Kind::Int8) => row.try_get::<_, Option<i64>>(at)?.map_or(Value::Null, Value::Int),
            Some(Kind::Int4) => {
                row.try_get::<_, Option<i32>>(at)?.map_or(Value::Null, |n| Value::Int(n.into()))
            }
            Some(Kind::Int2) => {
                row.try_get::<_, Option<i16>>(at)?.map_or(Value::Null, |n| Value::Int(n.into()))
            }
            Some(Kind::Text) | None => row.try_get::<_, Option<String>>(at)?.map_or(Value::Null, Value::Text),
        };
        values.push(value);
    }
    Ok(Row { columns: columns.clone(), values })
}

enum Kind {
    Int8,
    Int4,
    Int2,
    Text,
}

fn kind(ty: &Type) -> Option<Kind> {
    match *ty {
        Type::INT8 => Some(Kind::Int8),
        Type::INT4 => Some(Kind::Int4),
        Type::INT2 => Some(Kind::Int2),
        Type::TEXT | Type::VARCHAR | Type::NAME | Type::UNKNOWN => Some(Kind::Text),
        _ => None,
    }
}
