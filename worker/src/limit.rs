//! The flood shield: the rate limit binding `LIMIT_<BUCKET>`, which counts per Cloudflare location; for a bucket without
//! one a count in the memory of this isolate, which is weaker, as a visitor may meet several isolates.

use async_trait::async_trait;
use js_sys::Reflect;
use proto::time::UnixTime;
use shared::ports::{Bucket, Limit, LimitError, Verdict};
use std::cell::RefCell;
use std::collections::BTreeMap;
use wasm_bindgen::{JsCast, JsValue};
use worker::send::SendFuture;
use worker::{Env, RateLimiter};

/// Keys remembered per isolate at most.
const KEYS: usize = 10_000;

/// Rate limit bindings with a fallback.
pub(crate) struct EdgeLimit {
    env: Env,
}

impl EdgeLimit {
    /// Uses the bindings of `env`.
    pub(crate) const fn new(env: Env) -> Self {
        Self { env }
    }

    fn binding(&self, bucket: &Bucket) -> Option<RateLimiter> {
        let name = format!("LIMIT_{}", bucket.name.to_uppercase().replace('-', "_"));
        let binding = Reflect::get(&self.env, &JsValue::from_str(&name)).ok()?;
        // Not `env.rate_limiter`: it goes by the name of the class, which local runtimes do not share.
        binding.is_object().then(|| binding.unchecked_into())
    }
}

#[async_trait]
impl Limit for EdgeLimit {
    async fn check(&self, bucket: &Bucket, key: &str, now: UnixTime) -> Result<Verdict, LimitError> {
        let Some(binding) = self.binding(bucket) else {
            return Ok(count_here(bucket, key, now));
        };
        let outcome =
            SendFuture::new(binding.limit(key.to_owned())).await.map_err(|e| LimitError(e.to_string()))?;
        Ok(if outcome.success {
            Verdict::Allowed
        } else {
            Verdict::Refused { retry_after_s: bucket.period_s.div_ceil(bucket.count.max(1)).max(1) }
        })
    }
}

thread_local! {
    /// Per bucket and key the instant, in milliseconds, at which its bucket is full again.
    static FULL_AT: RefCell<BTreeMap<(&'static str, String), i64>> = const { RefCell::new(BTreeMap::new()) };
}

/// GCRA: a request moves the instant at which the bucket is full again by the time of one token; it passes if that
/// instant then lies no further ahead than the time of `burst` tokens.
fn count_here(bucket: &Bucket, key: &str, now: UnixTime) -> Verdict {
    let now_ms = now.0.saturating_mul(1000);
    let token_ms = i64::from(bucket.period_s).saturating_mul(1000) / i64::from(bucket.count.max(1));
    let depth_ms = token_ms.saturating_mul(i64::from(bucket.burst.max(1)));
    FULL_AT.with_borrow_mut(|full_at| {
        if full_at.len() >= KEYS {
            full_at.retain(|_, at| *at > now_ms);
        }
        if full_at.len() >= KEYS {
            full_at.clear();
        }
        let at = full_at.entry((bucket.name, key.to_owned())).or_insert(now_ms);
        let next = (*at).max(now_ms).saturating_add(token_ms);
        let wait_ms = next.saturating_sub(now_ms).saturating_sub(depth_ms);
        if wait_ms <= 0 {
            *at = next;
            return Verdict::Allowed;
        }
        let wait_s = u32::try_from(wait_ms.saturating_add(999) / 1000).unwrap_or(u32::MAX);
        Verdict::Refused { retry_after_s: wait_s.max(1) }
    })
}
