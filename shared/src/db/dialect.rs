//! Where the stores differ in words: placeholders of Postgres, error texts of the SQLite family.

use crate::ports::DbError;

/// Rewrites the placeholders `?1` of the common dialect to Postgres' `$1`. Question marks in string literals,
/// quoted identifiers and `--` comments stay.
#[must_use]
pub fn postgres(sql: &str) -> String {
    let mut out = String::with_capacity(sql.len());
    let mut chars = sql.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            // A doubled quote inside a literal closes and opens it again, which comes to the same.
            '\'' | '"' => {
                out.push(c);
                for inner in chars.by_ref() {
                    out.push(inner);
                    if inner == c {
                        break;
                    }
                }
            }
            '-' if chars.peek() == Some(&'-') => {
                out.push(c);
                for inner in chars.by_ref() {
                    out.push(inner);
                    if inner == '\n' {
                        break;
                    }
                }
            }
            '?' if chars.peek().is_some_and(char::is_ascii_digit) => out.push('$'),
            _ => out.push(c),
        }
    }
    out
}

/// Reads an error text of SQLite, D1 or libSQL that speaks of a constraint; `None` if it speaks of something
/// else. The violated `must.one` of the guard statements is [`DbError::Lost`].
#[must_use]
pub fn sqlite_constraint(message: &str) -> Option<DbError> {
    if message.contains("NOT NULL constraint failed: must.one") {
        return Some(DbError::Lost);
    }
    if let Some((_, rest)) = message.split_once("UNIQUE constraint failed: ") {
        // D1 appends `: SQLITE_CONSTRAINT`, others the code in brackets; names of columns hold neither.
        let columns = rest.split(':').next().unwrap_or_default();
        let columns = columns.split(" (").next().unwrap_or_default().trim();
        return Some(DbError::Unique(each_with_table(columns)));
    }
    message.contains("constraint failed").then(|| DbError::Constraint(message.to_owned()))
}

/// `t.(a, b)`, as some servers write it, as `t.a, t.b`.
fn each_with_table(columns: &str) -> String {
    match columns.strip_suffix(')').and_then(|c| c.split_once(".(")) {
        Some((table, names)) => {
            names.split(", ").map(|name| format!("{table}.{name}")).collect::<Vec<_>>().join(", ")
        }
        None => columns.to_owned(),
    }
}

/// Guards a statement with [`must_change_one`](super::Stmt::must_change_one) on stores that cannot branch inside
/// a batch: sent right after it, this violates `must.one NOT NULL` unless exactly one row was changed.
pub const MUST_CHECK: &str = "INSERT INTO must (one) SELECT CASE WHEN changes() = 1 THEN 1 END";

/// Clears what [`MUST_CHECK`] left; once at the end of the batch.
pub const MUST_CLEAR: &str = "DELETE FROM must";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_become_postgres_ones() {
        for (ours, theirs) in [
            ("SELECT 1", "SELECT 1"),
            ("SELECT ?1, ?12", "SELECT $1, $12"),
            ("SELECT '?1', ?1", "SELECT '?1', $1"),
            ("SELECT 'it''s ?2' || ?1", "SELECT 'it''s ?2' || $1"),
            ("SELECT \"a?1\" -- why ?1\n, ?1", "SELECT \"a?1\" -- why ?1\n, $1"),
            ("SELECT 2 - ?1 ? 'x'", "SELECT 2 - $1 ? 'x'"),
        ] {
            assert_eq!(postgres(ours), theirs);
        }
    }

    #[test]
    fn constraint_texts_are_understood() {
        for (text, want) in [
            ("UNIQUE constraint failed: users.email", Some(DbError::Unique("users.email".into()))),
            ("UNIQUE constraint failed: users.email (19)", Some(DbError::Unique("users.email".into()))),
            ("UNIQUE constraint failed: t.(a, b) (19)", Some(DbError::Unique("t.a, t.b".into()))),
            (
                "D1_ERROR: UNIQUE constraint failed: t.a, t.b: SQLITE_CONSTRAINT",
                Some(DbError::Unique("t.a, t.b".into())),
            ),
            ("D1_ERROR: NOT NULL constraint failed: must.one: SQLITE_CONSTRAINT", Some(DbError::Lost)),
            (
                "FOREIGN KEY constraint failed",
                Some(DbError::Constraint("FOREIGN KEY constraint failed".into())),
            ),
            ("no such table: x", None),
        ] {
            assert_eq!(sqlite_constraint(text), want, "{text}");
        }
    }
}
