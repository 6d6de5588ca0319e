use super::lock;
use async_trait::async_trait;
use proto::time::UnixTime;
use shared::ports::{Bucket, Limit, LimitError, Verdict};
use std::collections::BTreeMap;
use std::sync::Mutex;

/// A limiter that lets everything pass until told otherwise.
#[derive(Default)]
pub struct ScriptedLimit {
    verdicts: Mutex<BTreeMap<String, Result<Verdict, LimitError>>>,
    checks: Mutex<Vec<(&'static str, String)>>,
}

impl ScriptedLimit {
    /// From now on the bucket gives this verdict, or fails.
    pub fn set(&self, bucket: &str, verdict: Result<Verdict, LimitError>) {
        lock(&self.verdicts).insert(bucket.to_owned(), verdict);
    }

    /// Takes what was asked so far: names of buckets and keys.
    #[must_use]
    pub fn take_checks(&self) -> Vec<(&'static str, String)> {
        std::mem::take(&mut *lock(&self.checks))
    }
}

#[async_trait]
impl Limit for ScriptedLimit {
    async fn check(&self, bucket: &Bucket, key: &str, _: UnixTime) -> Result<Verdict, LimitError> {
        lock(&self.checks).push((bucket.name, key.to_owned()));
        lock(&self.verdicts).get(bucket.name).cloned().unwrap_or(Ok(Verdict::Allowed))
    }
}
