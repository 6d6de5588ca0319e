use native_db::Sqlite;
use shared::db::Stmt;
use shared::db::migrate::{MIGRATIONS, Migration, migrate, pending};
use shared::ports::{Db, DbError};
use std::path::Path;
use std::sync::Arc;
use testkit::{TempDir, contract};

const SECOND: Migration =
    Migration { name: "0002_more.sql", sql: "ALTER TABLE users ADD COLUMN more TEXT;\n" };

fn file(folder: &TempDir, name: &str) -> String {
    folder.path().join(name).to_str().unwrap().to_owned()
}

fn count(rows: &[shared::db::Rows]) -> i64 {
    rows[0][0].int("n").unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn contract_in_memory() {
    let db = Sqlite::open_in_memory().unwrap();
    migrate(&db, MIGRATIONS).await.unwrap();
    contract::db(Arc::new(db), "t1").await.unwrap_or_else(|report| panic!("{report}"));
}

#[tokio::test(flavor = "multi_thread")]
async fn contract_in_a_file_and_again_on_the_used_file() {
    let folder = TempDir::new().unwrap();
    let db = Sqlite::open(&file(&folder, "latchkey.db")).unwrap();
    migrate(&db, MIGRATIONS).await.unwrap();
    let db: Arc<dyn Db> = Arc::new(db);
    for tag in ["t1", "t2", "t1"] {
        contract::db(db.clone(), tag).await.unwrap_or_else(|report| panic!("{report}"));
    }
}

#[tokio::test]
async fn a_migration_is_applied_once_and_named_as_wrangler_names_it() {
    let db = Sqlite::open_in_memory().unwrap();
    assert_eq!(pending(&db, MIGRATIONS).await.unwrap(), ["0001_init.sql"]);
    assert_eq!(migrate(&db, MIGRATIONS).await.unwrap(), ["0001_init.sql"]);
    assert_eq!(migrate(&db, MIGRATIONS).await.unwrap(), [""; 0]);
    assert_eq!(pending(&db, MIGRATIONS).await.unwrap(), [""; 0]);
    let rows = db.batch(vec![Stmt::new("SELECT id, name, applied_at FROM d1_migrations")]).await.unwrap();
    assert_eq!(rows[0].len(), 1);
    assert_eq!(rows[0][0].int("id").unwrap(), 1);
    assert_eq!(rows[0][0].text("name").unwrap(), "0001_init.sql");
    assert_eq!(rows[0][0].text("applied_at").unwrap().len(), "2026-01-02 03:04:05".len());
}

#[tokio::test(flavor = "multi_thread")]
async fn s61_of_eight_nodes_one_applies_each_migration() {
    let folder = TempDir::new().unwrap();
    let path = file(&folder, "latchkey.db");
    const TWO: &[Migration] = &[MIGRATIONS[0], SECOND];
    let nodes: Vec<_> = (0..8)
        .map(|_| {
            let path = path.clone();
            tokio::spawn(async move { migrate(&Sqlite::open(&path).unwrap(), TWO).await.unwrap() })
        })
        .collect();
    let mut applied = Vec::new();
    for node in nodes {
        applied.extend(node.await.unwrap());
    }
    applied.sort_unstable();
    assert_eq!(applied, ["0001_init.sql", "0002_more.sql"]);
}

#[tokio::test]
async fn a_failing_migration_leaves_nothing() {
    let db = Sqlite::open_in_memory().unwrap();
    let broken = Migration {
        name: "0002_broken.sql",
        sql: "CREATE TABLE half (a TEXT);\n\nCREATE INDEX half_a ON nowhere (a);\n",
    };
    let error = migrate(&db, &[MIGRATIONS[0], broken]).await.unwrap_err();
    assert!(matches!(error, DbError::Other(_)), "{error:?}");
    let rows = db
        .batch(vec![
            Stmt::new("SELECT COUNT(*) AS n FROM sqlite_master WHERE name = 'half'"),
            Stmt::new("SELECT name FROM d1_migrations"),
        ])
        .await
        .unwrap();
    assert_eq!(count(&rows), 0);
    assert_eq!(rows[1].len(), 1);
}

#[tokio::test]
async fn a_copy_is_kept_before_a_migration_of_a_used_database() {
    let folder = TempDir::new().unwrap();
    let path = file(&folder, "latchkey.db");
    let db = Sqlite::open(&path).unwrap();
    migrate(&db, MIGRATIONS).await.unwrap();
    db.batch(vec![Stmt::new("INSERT INTO instance (name, value) VALUES ('a', 'b')")]).await.unwrap();
    assert!(!Path::new(&format!("{path}.before-0001_init.sql.bak")).exists());
    assert_eq!(migrate(&db, &[MIGRATIONS[0], SECOND]).await.unwrap(), ["0002_more.sql"]);

    let kept = Sqlite::open(&format!("{path}.before-0002_more.sql.bak")).unwrap();
    let rows = kept
        .batch(vec![
            Stmt::new("SELECT COUNT(*) AS n FROM d1_migrations"),
            Stmt::new("SELECT value FROM instance"),
        ])
        .await
        .unwrap();
    assert_eq!(count(&rows), 1);
    assert_eq!(rows[1][0].text("value").unwrap(), "b");
    let names: Vec<_> = std::fs::read_dir(folder.path())
        .unwrap()
        .map(|e| e.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with(".tmp"))
        .collect();
    assert_eq!(names, [""; 0]);
}

#[cfg(unix)]
#[tokio::test]
async fn file_and_folder_are_for_the_owner_only() {
    use std::os::unix::fs::MetadataExt;
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("data/sub/latchkey.db");
    let db = Sqlite::open(&format!("file:{}", path.display())).unwrap();
    migrate(&db, MIGRATIONS).await.unwrap();
    let copy = folder.path().join("copy.db");
    db.copy_to(&copy).await.unwrap();
    let mode = |p: &Path| std::fs::metadata(p).unwrap().mode() & 0o777;
    assert_eq!(mode(&folder.path().join("data")), 0o700);
    assert_eq!(mode(path.parent().unwrap()), 0o700);
    for file in [&path, &path.with_extension("db-wal"), &copy] {
        assert_eq!(mode(file), 0o600, "{}", file.display());
    }
    assert!(matches!(db.copy_to(&copy).await, Err(DbError::Unavailable(_) | DbError::Other(_))));
}

#[tokio::test(flavor = "multi_thread")]
async fn acknowledged_writes_are_durable_and_seen_by_readers() {
    let folder = TempDir::new().unwrap();
    let path = file(&folder, "latchkey.db");
    let db = Sqlite::open(&path).unwrap();
    migrate(&db, MIGRATIONS).await.unwrap();
    let settings = db
        .batch(vec![
            Stmt::new("UPDATE instance SET value = '' WHERE name = ''"),
            Stmt::new("SELECT synchronous AS n FROM pragma_synchronous"),
            Stmt::new("SELECT foreign_keys AS n FROM pragma_foreign_keys"),
            Stmt::new("SELECT journal_mode AS mode FROM pragma_journal_mode"),
        ])
        .await
        .unwrap();
    assert_eq!(settings[1][0].int("n").unwrap(), 2);
    assert_eq!(settings[2][0].int("n").unwrap(), 1);
    assert_eq!(settings[3][0].text("mode").unwrap(), "wal");
    for n in 0..50 {
        let name = format!("n{n}");
        db.batch(vec![Stmt::new("INSERT INTO instance (name, value) VALUES (?1, '')").bind(&name)])
            .await
            .unwrap();
        let read = Stmt::new("SELECT name FROM instance WHERE name = ?1").bind(&name);
        assert_eq!(db.batch(vec![read]).await.unwrap()[0].len(), 1);
    }
}

#[tokio::test]
async fn a_forgotten_value_is_an_error() {
    let db = Sqlite::open_in_memory().unwrap();
    let error = db.batch(vec![Stmt::new("SELECT ?1 AS a, ?2 AS b").bind("x")]).await.unwrap_err();
    assert_eq!(error, DbError::Other("placeholders and values differ in number".to_owned()));
}

#[tokio::test]
async fn a_file_that_is_no_database_is_refused() {
    let folder = TempDir::new().unwrap();
    let path = file(&folder, "text.db");
    std::fs::write(&path, "not a database, but long enough to have a header".repeat(20)).unwrap();
    assert!(matches!(Sqlite::open(&path).err(), Some(DbError::Other(_))));
    assert!(matches!(Sqlite::open("/dev/null/x.db").err(), Some(DbError::Unavailable(_))));
}
