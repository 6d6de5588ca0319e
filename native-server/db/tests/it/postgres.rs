use native_db::Postgres;
use shared::db::Stmt;
use shared::db::migrate::{MIGRATIONS, Migration, migrate};
use shared::ports::{Db, DbError};
use std::sync::Arc;
use testkit::{PostgresServer, contract};

async fn migrated(server: &PostgresServer) -> Postgres {
    let db = Postgres::open(&server.database().await.unwrap(), 16).unwrap();
    migrate(&db, MIGRATIONS).await.unwrap();
    db
}

#[tokio::test(flavor = "multi_thread")]
async fn contract_and_again_on_the_used_database() {
    let server = PostgresServer::shared().unwrap();
    let db: Arc<dyn Db> = Arc::new(migrated(&server).await);
    for tag in ["t1", "t2", "t1"] {
        contract::db(db.clone(), tag).await.unwrap_or_else(|report| panic!("{report}"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn s61_of_eight_nodes_one_applies_each_migration() {
    let second = Migration { name: "0002_more.sql", sql: "ALTER TABLE users ADD COLUMN more TEXT;\n" };
    let server = PostgresServer::shared().unwrap();
    let url = server.database().await.unwrap();
    let nodes: Vec<_> = (0..8)
        .map(|_| {
            let db = Postgres::open(&url, 2).unwrap();
            tokio::spawn(async move { migrate(&db, &[MIGRATIONS[0], second]).await.unwrap() })
        })
        .collect();
    let mut applied = Vec::new();
    for node in nodes {
        applied.extend(node.await.unwrap());
    }
    applied.sort_unstable();
    assert_eq!(applied, ["0001_init.sql", "0002_more.sql"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failing_migration_leaves_nothing() {
    let server = PostgresServer::shared().unwrap();
    let db = migrated(&server).await;
    let broken = Migration {
        name: "0002_broken.sql",
        sql: "CREATE TABLE half (a TEXT);\n\nCREATE INDEX half_a ON nowhere (a);\n",
    };
    assert!(matches!(migrate(&db, &[MIGRATIONS[0], broken]).await, Err(DbError::Other(_))));
    let rows = db
        .batch(vec![
            Stmt::new("SELECT name FROM d1_migrations"),
            Stmt::new("SELECT tablename FROM pg_tables WHERE tablename = 'half'"),
        ])
        .await
        .unwrap();
    assert_eq!(rows.iter().map(Vec::len).collect::<Vec<_>>(), [1, 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_that_goes_away_leaves_no_open_transaction() {
    let server = PostgresServer::shared().unwrap();
    let db = migrated(&server).await;
    for n in 0..40 {
        let insert =
            Stmt::new("INSERT INTO instance (name, value) VALUES (?1, '')").bind(format!("n{n}")).one();
        let batch = db.batch(vec![Stmt::new("SELECT 'x' AS x"), insert]);
        drop(tokio::time::timeout(std::time::Duration::from_micros(n * 20), batch).await);
    }
    // Abandoned batches end by themselves: wholly or not at all, and soon.
    let open = Stmt::new(
        "SELECT COUNT(*) AS n FROM pg_stat_activity WHERE datname = current_database() AND state LIKE 'idle in transaction%'",
    );
    for _ in 0..100 {
        if db.batch(vec![open.clone()]).await.unwrap()[0][0].int("n").unwrap() == 0 {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    panic!("a transaction stayed open");
}

#[tokio::test(flavor = "multi_thread")]
async fn batches_that_deadlock_are_tried_again() {
    let server = PostgresServer::shared().unwrap();
    let db = migrated(&server).await;
    let row =
        |name: &str| Stmt::new("INSERT INTO instance (name, value) VALUES (?1, '0')").bind(name.to_owned());
    db.batch(vec![row("a"), row("b")]).await.unwrap();
    let touch = |name: &str| {
        Stmt::new("UPDATE instance SET value = value || 'x' WHERE name = ?1").bind(name.to_owned()).one()
    };
    let batches: Vec<_> = (0..4)
        .map(|n| {
            let db = db.clone();
            let order = if n % 2 == 0 { ["a", "b"] } else { ["b", "a"] };
            let batch = order.map(touch).to_vec();
            tokio::spawn(async move { db.batch(batch).await })
        })
        .collect();
    for batch in batches {
        batch.await.unwrap().unwrap();
    }
    let rows = db.batch(vec![Stmt::new("SELECT value FROM instance")]).await.unwrap();
    for row in &rows[0] {
        assert_eq!(row.text("value").unwrap(), format!("0{}", "x".repeat(4)));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn unreadable_columns_are_refused_before_anything_is_written() {
    let server = PostgresServer::shared().unwrap();
    let db = migrated(&server).await;
    let insert = Stmt::new("INSERT INTO instance (name, value) VALUES ('a', '')");
    let error = db.batch(vec![insert, Stmt::new("SELECT 1 = 1 AS truth")]).await.unwrap_err();
    assert_eq!(error, DbError::Inconsistent { table: "result", what: "column truth is bool".to_owned() });
    let error = db.batch(vec![Stmt::new("SELECT ?1 AS a, ?2 AS b").bind("x")]).await.unwrap_err();
    assert_eq!(error, DbError::Other("placeholders and values differ in number".to_owned()));
    assert_eq!(db.batch(vec![Stmt::new("SELECT name FROM instance")]).await.unwrap()[0].len(), 0);
}

#[tokio::test]
async fn s60_errors_show_no_password_and_tell_absence_from_refusal() {
    let nobody = Postgres::open("postgres://u:hunter2@127.0.0.1:1/x", 1).unwrap();
    let error = nobody.batch(vec![Stmt::new("SELECT 'x' AS x")]).await.unwrap_err();
    assert!(matches!(error, DbError::Unavailable(_)), "{error:?}");
    assert!(!error.to_string().contains("hunter2"), "{error}");
    let malformed = Postgres::open("postgres://u:hunter2@:x:y", 1).err().unwrap();
    assert_eq!(malformed, DbError::Other("malformed Postgres URL".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_without_tls_is_refused_where_tls_is_demanded() {
    let server = PostgresServer::shared().unwrap();
    let url = server.database().await.unwrap();
    for mode in ["require", "verify-full"] {
        let db = Postgres::open(&format!("{url}?sslmode={mode}"), 1).unwrap();
        let error = db.batch(vec![Stmt::new("SELECT 'x' AS x")]).await.unwrap_err();
        assert!(matches!(&error, DbError::Unavailable(text) if text.contains("TLS")), "{error:?}");
    }
}
