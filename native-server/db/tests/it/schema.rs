use native_db::{Postgres, Sqlite};
use shared::db::migrate::{MIGRATIONS, migrate};
use testkit::{PostgresServer, schema};

/// The schema that every store must have. After a new migration, write it anew from what this test prints.
const SNAPSHOT: &str = include_str!("../../../../migrations/schema.snapshot.txt");

#[tokio::test]
async fn sqlite_has_the_checked_in_schema() {
    let db = Sqlite::open_in_memory().unwrap();
    migrate(&db, MIGRATIONS).await.unwrap();
    let got = schema::sqlite(&db).await.unwrap();
    assert!(got == SNAPSHOT, "migrations/schema.snapshot.txt should be:\n{got}");
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres_has_the_checked_in_schema() {
    let server = PostgresServer::shared().unwrap();
    let db = Postgres::open(&server.database().await.unwrap(), 2).unwrap();
    migrate(&db, MIGRATIONS).await.unwrap();
    let got = schema::postgres(&db).await.unwrap();
    assert!(got == SNAPSHOT, "migrations/schema.snapshot.txt should be:\n{got}");
}
