//! Statements, values and rows: what crosses the `Db` port; and what every adapter shares.

mod counting;
pub mod dialect;
mod hrana;
pub mod migrate;
mod row;
mod stmt;

pub use counting::CountingDb;
pub use hrana::Hrana;
pub use row::{Row, Rows};
pub use stmt::{Stmt, Value};
