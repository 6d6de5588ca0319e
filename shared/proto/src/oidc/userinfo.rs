//! Signed userinfo (OpenID Connect Core §5.3.2).

use crate::time::UnixTime;
use serde_json::{Map, Value, json};

/// The claims to sign: what a client is told, from [`super::claims::told`], by whom, for whom and when. Nothing about
/// the person can replace these. There is no `exp`: the answer is as good as the moment it was asked for.
#[must_use]
pub fn signed(told: Map<String, Value>, issuer: &str, client_id: &str, now: UnixTime) -> Map<String, Value> {
    let mut claims = told;
    claims.insert("iss".to_owned(), json!(issuer));
    claims.insert("aud".to_owned(), json!(client_id));
    claims.insert("iat".to_owned(), json!(now));
    claims
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s25_nothing_about_the_person_replaces_issuer_and_audience() {
        let told = json!({"sub": "u1", "name": "Ada", "iss": "x", "aud": ["x"], "iat": 9});
        let Value::Object(told) = told else { panic!("an object") };
        assert_eq!(
            Value::Object(signed(told, "https://id.example", "app", UnixTime(1000))),
            json!({"sub": "u1", "name": "Ada", "iss": "https://id.example", "aud": "app", "iat": 1000})
        );
    }
}
