use std::sync::Arc;
use testkit::{FixedClock, MapBlob, RunAtOnce, RustCryptoKeys, ScriptedFetch, SeededRng, World, contract};

#[tokio::test]
async fn rustcrypto_keeps_the_contract_of_keys() {
    let report = contract::keys(Arc::new(RustCryptoKeys::new(1))).await.unwrap_or_else(|r| panic!("{r}"));
    assert_eq!(report.checks().len(), 12);
}

#[tokio::test]
async fn the_other_fakes_keep_theirs() {
    contract::blob(Arc::new(MapBlob::default()), "t1").await.unwrap_or_else(|r| panic!("{r}"));
    contract::clock(&FixedClock::new(World::START)).unwrap_or_else(|r| panic!("{r}"));
    contract::rng(&SeededRng::new(1)).unwrap_or_else(|r| panic!("{r}"));
    let after = Arc::new(RunAtOnce::default());
    contract::after(after.clone(), async move { after.settle().await })
        .await
        .unwrap_or_else(|r| panic!("{r}"));
}

#[tokio::test]
async fn a_suite_says_what_failed() {
    // Nothing is scripted: every check that wants an answer fails, those that want a refusal pass.
    let report = contract::fetch(Arc::new(ScriptedFetch::default()), "http://127.0.0.1:9").await.unwrap_err();
    let lines: Vec<&str> = report.lines().collect();
    assert_eq!(lines.len(), 6);
    assert_eq!(lines[0], "ok   fetch::s50_private_addresses_are_refused");
    assert_eq!(lines[2], "FAIL fetch::request_and_response_arrive: unexpected: target not allowed");
    assert_eq!(lines[5], "FAIL fetch::s50_time_is_bounded: slow: got Some(Refused), want Some(Timeout)");
}
