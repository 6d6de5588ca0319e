//! The contract suites of the ports, on the adapters of this host. The database has its own in `native-db`.

use crate::after::Tasks;
use crate::blob_fs::Directory;
use crate::clock::SystemClock;
use crate::fetch::Outgoing;
use crate::keys_awslc::AwsLc;
use crate::limit_memory::MemoryLimit;
use crate::rng::OsRng;
use std::sync::Arc;
use std::time::Duration;
use testkit::contract::{self, Precision, Report};
use testkit::{FetchTarget, TempDir};
use tokio::time::Instant;

fn passed(outcome: Result<Report, String>) {
    match outcome {
        Ok(report) => assert!(!report.checks().is_empty()),
        Err(report) => panic!("{report}"),
    }
}

#[tokio::test]
async fn after_keeps_its_contract() {
    let tasks = Arc::new(Tasks::default());
    let settle = {
        let tasks = Arc::clone(&tasks);
        async move { tasks.drain(Instant::now() + Duration::from_secs(10)).await }
    };
    passed(contract::after(tasks, settle).await);
}

#[tokio::test]
async fn blob_keeps_its_contract() {
    let dir = TempDir::new().unwrap();
    passed(contract::blob(Arc::new(Directory::new(dir.path().to_owned())), "contract").await);
}

#[test]
fn clock_keeps_its_contract() {
    passed(contract::clock(&SystemClock::new()));
}

#[tokio::test]
async fn fetch_keeps_its_contract() {
    let target = FetchTarget::start().unwrap();
    passed(contract::fetch(Arc::new(Outgoing::new().unwrap()), target.url()).await);
}

#[tokio::test]
async fn keys_keep_their_contract() {
    passed(contract::keys(Arc::new(AwsLc)).await);
}

#[tokio::test]
async fn limit_keeps_its_contract() {
    passed(contract::limit(Arc::new(MemoryLimit::default()), "contract", Precision::Exact).await);
}

#[test]
fn rng_keeps_its_contract() {
    passed(contract::rng(&OsRng));
}
