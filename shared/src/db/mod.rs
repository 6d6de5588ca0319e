//! Statements, values and rows: what crosses the `Db` port.

mod row;
mod stmt;

pub use row::{Row, Rows};
pub use stmt::{Stmt, Value};
