//! JWT Secured Authorization Response Mode: the answer of the authorization endpoint as a signed token.

use crate::time::UnixTime;
use serde_json::{Map, Value};

/// How long a signed answer counts, in seconds; JARM §2.1 recommends ten minutes at most.
pub const LIFETIME_S: i64 = 300;

/// The claims of a signed answer (JARM §2.1): every parameter of the response, for one client and a short time.
/// `params` holds no `iss`, `aud` or `exp`: these are the token's own.
#[must_use]
pub fn claims(
    issuer: &str,
    client_id: &str,
    now: UnixTime,
    params: &[(&'static str, &str)],
) -> Map<String, Value> {
    let mut claims: Map<String, Value> =
        params.iter().map(|(name, value)| ((*name).to_owned(), Value::from(*value))).collect();
    claims.insert("iss".to_owned(), issuer.into());
    claims.insert("aud".to_owned(), client_id.into());
    claims.insert("exp".to_owned(), now.plus(LIFETIME_S).0.into());
    claims
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn all_parameters_are_inside_for_one_client_and_a_short_time() {
        let params = [("code", "c0de"), ("state", "<&\">")];
        assert_eq!(
            Value::Object(claims("https://id.example", "app", UnixTime(1000), &params)),
            json!({"iss": "https://id.example", "aud": "app", "exp": 1300, "code": "c0de", "state": "<&\">"})
        );
    }
}
