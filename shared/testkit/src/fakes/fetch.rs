use super::lock;
use async_trait::async_trait;
use bytes::Bytes;
use http::{Method, Request, Response};
use shared::ports::{FetchError, FetchPolicy, HttpFetch};
use std::collections::BTreeMap;
use std::sync::Mutex;

type Answer = Result<Response<Bytes>, FetchError>;

/// Answers what the test wrote down, and refuses every other target.
#[derive(Default)]
pub struct ScriptedFetch {
    answers: Mutex<BTreeMap<String, Answer>>,
    requests: Mutex<Vec<Request<Bytes>>>,
}

impl ScriptedFetch {
    /// From now on the target answers so, each time it is asked.
    pub fn answer(&self, method: &Method, url: &str, answer: Answer) {
        lock(&self.answers).insert(format!("{method} {url}"), answer);
    }

    /// Takes the requests sent so far, refused ones included.
    #[must_use]
    pub fn take_requests(&self) -> Vec<Request<Bytes>> {
        std::mem::take(&mut *lock(&self.requests))
    }
}

#[async_trait]
impl HttpFetch for ScriptedFetch {
    async fn send(&self, request: Request<Bytes>, policy: FetchPolicy) -> Answer {
        let answer = lock(&self.answers).get(&format!("{} {}", request.method(), request.uri())).cloned();
        lock(&self.requests).push(request);
        let response = answer.unwrap_or(Err(FetchError::Refused))?;
        if response.body().len() > policy.max_bytes { Err(FetchError::TooLarge) } else { Ok(response) }
    }
}
