//! Tokens and keys of others.

use crate::parts;
use proto::jose::jws::Unverified;
use proto::jose::{Alg, Jwk, KeySet, TokenType, VerifyingKey, jwt, thumbprint};
use proto::{b64, json};

const ALGS: [Alg; 8] =
    [Alg::RS256, Alg::RS384, Alg::RS512, Alg::PS256, Alg::ES256, Alg::ES384, Alg::ES512, Alg::EdDSA];

/// A key whose private half nobody here has (RFC 8037 appendix A.2).
const ED25519: &str = r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;

/// Rules: no token is accepted by a key that did not sign it; base64url that is read is written as it was.
pub fn jose(data: &[u8]) {
    let mut parts = parts(data);
    let (token, key) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    if let Ok(bytes) = b64::decode(token) {
        assert_eq!(b64::encode(&bytes), token);
    }
    let fixed: Jwk = serde_json::from_str(ED25519).unwrap();
    let fixed = VerifyingKey::from_jwk(&fixed, Alg::EdDSA).unwrap();
    if let Ok(token) = Unverified::parse(token) {
        let _ = (token.kid(),);
        for typ in [TokenType::AccessToken, TokenType::IdToken, TokenType::LogoutToken] {
            assert!(jwt::verify(token.clone(), &fixed, typ).is_err());
        }
    }
    if let Ok(jwk) = serde_json::from_str::<Jwk>(key) {
        let _ = thumbprint(&jwk);
        for alg in ALGS {
            if let (Ok(key), Ok(token)) = (VerifyingKey::from_jwk(&jwk, alg), Unverified::parse(token)) {
                let _ = token.verify(&key);
            }
        }
    }
    if let Ok(object) = json::parse_object(key.as_bytes()) {
        if let (Ok(set), Ok(token)) = (KeySet::read(&object), Unverified::parse(token)) {
            let _ = set.verify(&token);
        }
    }
}
