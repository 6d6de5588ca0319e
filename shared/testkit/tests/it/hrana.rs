use bytes::Bytes;
use http::{Method, Response};
use proto::secret::Secret;
use shared::db::migrate::{MIGRATIONS, migrate};
use shared::db::{Hrana, Stmt};
use shared::ports::{Db, DbError, FetchError};
use std::sync::Arc;
use testkit::{HranaServer, ScriptedFetch, contract};

fn client(url: &str, token: &str) -> Hrana {
    let server = HranaServer::new("https://db.example.com", "right").unwrap();
    Hrana::new(Arc::new(server), url, Some(Secret::new(token.to_owned()))).unwrap()
}

#[tokio::test]
async fn contract_over_http() {
    let db = client("libsql://db.example.com", "right");
    assert_eq!(migrate(&db, MIGRATIONS).await.unwrap(), ["0001_init.sql"]);
    assert_eq!(migrate(&db, MIGRATIONS).await.unwrap(), [""; 0]);
    let db: Arc<dyn Db> = Arc::new(db);
    for tag in ["t1", "t2"] {
        contract::db(db.clone(), tag).await.unwrap_or_else(|report| panic!("{report}"));
    }
}

#[tokio::test]
async fn a_wrong_token_is_refused_and_not_repeated() {
    let db = client("https://db.example.com/", "wrong");
    let error = db.batch(vec![Stmt::new("SELECT 'x' AS x")]).await.unwrap_err();
    assert_eq!(error, DbError::Other("libSQL answered 401 Unauthorized".to_owned()));
}

#[test]
fn urls_are_read() {
    let refused = |url: &str| Hrana::new(Arc::new(ScriptedFetch::default()), url, None).err();
    assert_eq!(refused("http://127.0.0.1:8080"), None);
    for url in ["postgres://x", "file:a.db", ""] {
        assert_eq!(refused(url), Some(DbError::Other("not a libSQL URL".to_owned())), "{url}");
    }
    for url in ["libsql://x?authToken=y", "https://user@x"] {
        let error = DbError::Other("a libSQL URL has no query and no user".to_owned());
        assert_eq!(refused(url), Some(error), "{url}");
    }
}

#[tokio::test]
async fn the_wire_form_of_a_guarded_batch() {
    let fetch = Arc::new(ScriptedFetch::default());
    let db = Hrana::new(fetch.clone(), "http://127.0.0.1:8080", Some(Secret::new("t".into()))).unwrap();
    let guarded = Stmt::new("UPDATE a SET b = ?1 WHERE c = ?2").bind(7).bind(None::<&str>).one();
    let refused = db.batch(vec![guarded]).await.unwrap_err();
    assert_eq!(refused, DbError::Other("target not allowed".to_owned()));
    let requests = fetch.take_requests();
    assert_eq!(requests.len(), 1);
    assert_eq!(requests[0].uri(), "http://127.0.0.1:8080/v2/pipeline");
    assert_eq!(requests[0].headers()["authorization"], "Bearer t");
    let body: serde_json::Value = serde_json::from_slice(requests[0].body()).unwrap();
    let steps = body["requests"][0]["batch"]["steps"].as_array().unwrap();
    let sql: Vec<_> = steps.iter().map(|s| s["stmt"]["sql"].as_str().unwrap()).collect();
    assert_eq!(
        sql,
        [
            "BEGIN IMMEDIATE",
            "UPDATE a SET b = ?1 WHERE c = ?2",
            "INSERT INTO must (one) SELECT CASE WHEN changes() = 1 THEN 1 END",
            "DELETE FROM must",
            "COMMIT",
            "ROLLBACK",
        ]
    );
    let args = serde_json::json!([{ "type": "integer", "value": "7" }, { "type": "null" }]);
    assert_eq!(steps[1]["stmt"]["args"], args);
    assert_eq!(steps[0]["condition"], serde_json::Value::Null);
    assert_eq!(steps[4]["condition"], serde_json::json!({ "type": "ok", "step": 3 }));
    let conds = serde_json::json!([{ "type": "ok", "step": 0 }, { "type": "not", "cond": { "type": "ok", "step": 4 } }]);
    assert_eq!(steps[5]["condition"], serde_json::json!({ "type": "and", "conds": conds }));
    // One request and no close: some servers do not know it.
    assert_eq!(body["requests"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn what_the_server_cannot_do_now_is_unavailable() {
    let status = |code: u16| Ok(Response::builder().status(code).body(Bytes::new()).unwrap());
    let unavailable = |text: &str| DbError::Unavailable(text.to_owned());
    for (answer, want) in [
        (status(503), unavailable("libSQL answered 503 Service Unavailable")),
        (status(429), unavailable("libSQL answered 429 Too Many Requests")),
        (Err(FetchError::Timeout), unavailable("timed out")),
        (Err(FetchError::Unreachable), unavailable("could not be reached")),
        (status(404), DbError::Other("libSQL answered 404 Not Found".to_owned())),
    ] {
        let fetch = Arc::new(ScriptedFetch::default());
        fetch.answer(&Method::POST, "https://x/v2/pipeline", answer);
        let db = Hrana::new(fetch, "libsql://x", None).unwrap();
        assert_eq!(db.batch(vec![Stmt::new("SELECT 1 AS x")]).await.unwrap_err(), want);
    }
}
