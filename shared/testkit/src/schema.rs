//! The schema of a migrated database as text, the same from every store.
//!
//! A table, its columns in order with type, nullability, place in the primary key and default, and then, sorted, its
//! unique constraints, indexes and foreign keys. CHECK constraints are left out: SQLite does not list them.

use shared::db::{Row, Stmt};
use shared::ports::{Db, DbError};
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// The schema of SQLite, D1 or libSQL.
///
/// # Errors
/// [`DbError`], also if a store does not allow the `pragma_` functions.
pub async fn sqlite(db: &dyn Db) -> Result<String, DbError> {
    let mut results = db.batch(SQLITE.iter().copied().map(Stmt::new).collect()).await?.into_iter();
    let mut schema = Schema::default();
    for row in results.next().unwrap_or_default() {
        schema.column(&row)?;
    }
    // One row a column of an index or key: collected under what all of them share.
    let mut indexes: BTreeMap<[String; 5], Vec<String>> = BTreeMap::new();
    for row in results.next().unwrap_or_default() {
        let sql = row.opt_text("sql")?.unwrap_or_default();
        let predicate = sql.split_once(" WHERE ").map_or("", |(_, predicate)| predicate);
        let key = [
            row.text("tbl")?,
            row.text("name")?,
            row.text("origin")?,
            row.int("uniq")?.to_string(),
            predicate.to_owned(),
        ];
        indexes.entry(key).or_default().push(row.text("col")?);
    }
    for ([table, name, origin, unique, predicate], columns) in indexes {
        schema.index(&table, &name, &origin, unique == "1", &columns.join(", "), &predicate);
    }
    for row in results.next().unwrap_or_default() {
        schema.foreign_key(&row)?;
    }
    Ok(schema.render())
}

/// The schema of Postgres.
///
/// # Errors
/// [`DbError`].
pub async fn postgres(db: &dyn Db) -> Result<String, DbError> {
    let mut results = db.batch(POSTGRES.iter().copied().map(Stmt::new).collect()).await?.into_iter();
    let mut schema = Schema::default();
    for row in results.next().unwrap_or_default() {
        schema.column(&row)?;
    }
    for row in results.next().unwrap_or_default() {
        let predicate = plain(&row.opt_text("predicate")?.unwrap_or_default());
        let unique = row.flag("uniq")?;
        schema.index(
            &row.text("tbl")?,
            &row.text("name")?,
            &row.text("origin")?,
            unique,
            &row.text("col")?,
            &predicate,
        );
    }
    for row in results.next().unwrap_or_default() {
        schema.foreign_key(&row)?;
    }
    Ok(schema.render())
}

#[derive(Default)]
struct Schema {
    tables: BTreeMap<String, Table>,
}

#[derive(Default)]
struct Table {
    columns: Vec<String>,
    rest: Vec<String>,
}

impl Schema {
    fn column(&mut self, row: &Row) -> Result<(), DbError> {
        let null = if row.flag("not_null")? { "not null" } else { "null" };
        let mut line = format!("{} {} {null}", row.text("name")?, row.text("type")?);
        let place = row.int("pk")?;
        if place > 0 {
            line.push_str(&format!(" key {place}"));
        }
        if let Some(value) = row.opt_text("dflt")? {
            line.push_str(&format!(" default {}", plain(&value)));
        }
        self.table(&row.text("tbl")?).columns.push(line);
        Ok(())
    }

    fn index(&mut self, table: &str, name: &str, origin: &str, unique: bool, columns: &str, predicate: &str) {
        let line = match (origin, unique) {
            ("pk", _) => return,
            ("u", _) => format!("unique ({columns})"),
            (_, true) => format!("unique index {name} ({columns})"),
            (_, false) => format!("index {name} ({columns})"),
        };
        let line = if predicate.is_empty() { line } else { format!("{line} where {predicate}") };
        self.table(table).rest.push(line);
    }

    fn foreign_key(&mut self, row: &Row) -> Result<(), DbError> {
        let line = format!(
            "foreign key ({}) references {} ({}) on delete {}",
            row.text("col")?,
            row.text("target")?,
            row.text("target_col")?,
            row.text("on_delete")?.to_lowercase(),
        );
        self.table(&row.text("tbl")?).rest.push(line);
        Ok(())
    }

    fn table(&mut self, name: &str) -> &mut Table {
        self.tables.entry(name.to_owned()).or_default()
    }

    fn render(self) -> String {
        let mut out = String::new();
        for (name, mut table) in self.tables {
            table.rest.sort();
            // Writing to a String cannot fail.
            let _ = writeln!(out, "{name}");
            for line in table.columns.iter().chain(&table.rest) {
                let _ = writeln!(out, "  {line}");
            }
        }
        out
    }
}

/// An expression without the casts and the outer parentheses that Postgres adds.
fn plain(expression: &str) -> String {
    let text = expression.replace("::text", "").replace("::bigint", "");
    match text.strip_prefix('(').and_then(|t| t.strip_suffix(')')) {
        Some(inner) => inner.to_owned(),
        None => text,
    }
}

const SQLITE: [&str; 3] = [
    "SELECT t.name AS tbl, c.name AS name, c.type AS type, c.\"notnull\" AS not_null, c.pk AS pk,
       c.dflt_value AS dflt
     FROM sqlite_master AS t, pragma_table_info(t.name) AS c
     WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite\\_%' ESCAPE '\\'
       AND t.name NOT LIKE '\\_cf\\_%' ESCAPE '\\' AND t.name <> 'd1_migrations'
     ORDER BY t.name, c.cid",
    "SELECT t.name AS tbl, i.name AS name, i.origin AS origin, i.\"unique\" AS uniq, c.name AS col,
       (SELECT s.sql FROM sqlite_master AS s WHERE s.type = 'index' AND s.name = i.name) AS sql
     FROM sqlite_master AS t, pragma_index_list(t.name) AS i, pragma_index_info(i.name) AS c
     WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite\\_%' ESCAPE '\\'
       AND t.name NOT LIKE '\\_cf\\_%' ESCAPE '\\' AND t.name <> 'd1_migrations'
     ORDER BY t.name, i.name, c.seqno",
    "SELECT t.name AS tbl, f.\"from\" AS col, f.\"table\" AS target, f.\"to\" AS target_col,
       f.on_delete AS on_delete
     FROM sqlite_master AS t, pragma_foreign_key_list(t.name) AS f
     WHERE t.type = 'table'
     ORDER BY t.name, f.id, f.seq",
];

const POSTGRES: [&str; 3] = [
    "SELECT CAST(t.relname AS TEXT) AS tbl, CAST(a.attname AS TEXT) AS name,
       UPPER(format_type(a.atttypid, a.atttypmod)) AS type,
       CASE WHEN a.attnotnull THEN 1 ELSE 0 END AS not_null,
       COALESCE((SELECT CAST(array_position(k.conkey, a.attnum) AS BIGINT) FROM pg_constraint AS k
         WHERE k.conrelid = t.oid AND k.contype = 'p'), 0) AS pk,
       (SELECT pg_get_expr(d.adbin, d.adrelid) FROM pg_attrdef AS d
         WHERE d.adrelid = t.oid AND d.adnum = a.attnum) AS dflt
     FROM pg_class AS t JOIN pg_attribute AS a ON a.attrelid = t.oid
     WHERE t.relkind = 'r' AND t.relnamespace = CAST('public' AS regnamespace) AND t.relname <> 'd1_migrations'
       AND a.attnum > 0 AND NOT a.attisdropped
     ORDER BY t.relname, a.attnum",
    "SELECT CAST(t.relname AS TEXT) AS tbl, CAST(n.relname AS TEXT) AS name,
       CASE WHEN i.indisprimary THEN 'pk'
         WHEN EXISTS (SELECT 1 FROM pg_constraint AS k WHERE k.conindid = i.indexrelid AND k.contype = 'u') THEN 'u'
         ELSE 'c' END AS origin,
       CASE WHEN i.indisunique THEN 1 ELSE 0 END AS uniq,
       (SELECT string_agg(CAST(a.attname AS TEXT), ', ' ORDER BY c.place)
         FROM unnest(CAST(i.indkey AS int2[])) WITH ORDINALITY AS c (attnum, place)
         JOIN pg_attribute AS a ON a.attrelid = t.oid AND a.attnum = c.attnum) AS col,
       pg_get_expr(i.indpred, i.indrelid) AS predicate
     FROM pg_index AS i JOIN pg_class AS t ON t.oid = i.indrelid JOIN pg_class AS n ON n.oid = i.indexrelid
     WHERE t.relnamespace = CAST('public' AS regnamespace) AND t.relname <> 'd1_migrations'
     ORDER BY t.relname, n.relname",
    "SELECT CAST(t.relname AS TEXT) AS tbl, CAST(a.attname AS TEXT) AS col, CAST(r.relname AS TEXT) AS target,
       CAST(b.attname AS TEXT) AS target_col,
       CASE k.confdeltype WHEN 'c' THEN 'CASCADE' WHEN 'n' THEN 'SET NULL' WHEN 'r' THEN 'RESTRICT'
         ELSE 'NO ACTION' END AS on_delete
     FROM pg_constraint AS k JOIN pg_class AS t ON t.oid = k.conrelid JOIN pg_class AS r ON r.oid = k.confrelid
       JOIN unnest(k.conkey) WITH ORDINALITY AS x (attnum, place) ON 1 = 1
       JOIN unnest(k.confkey) WITH ORDINALITY AS y (attnum, place) ON y.place = x.place
       JOIN pg_attribute AS a ON a.attrelid = t.oid AND a.attnum = x.attnum
       JOIN pg_attribute AS b ON b.attrelid = r.oid AND b.attnum = y.attnum
     WHERE k.contype = 'f' AND t.relnamespace = CAST('public' AS regnamespace)
     ORDER BY t.relname, k.conname, x.place",
];
