//! JWK thumbprints (RFC 7638, RFC 8037 §2).

use super::Jwk;
use crate::hash;
use serde_json::json;

/// The SHA-256 thumbprint of a key as base64url, 43 characters.
#[must_use]
pub fn thumbprint(jwk: &Jwk) -> String {
    // RFC 7638 §3.3: the required members alone, ordered by name, without white space; `Value` keeps names in
    // that order.
    let required = match jwk {
        Jwk::RSA { n, e } => json!({ "e": e, "kty": "RSA", "n": n }),
        Jwk::EC { crv, x, y } => json!({ "crv": crv, "kty": "EC", "x": x, "y": y }),
        Jwk::OKP { crv, x } => json!({ "crv": crv, "kty": "OKP", "x": x }),
    };
    hash::sha256_b64(&required.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc7638_section_3_1() {
        let n = "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXj\
                 BZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs\
                 8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G\
                 _xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw";
        let jwk = Jwk::RSA { n: n.into(), e: "AQAB".into() };
        assert_eq!(thumbprint(&jwk), "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
    }

    #[test]
    fn rfc8037_appendix_a_3() {
        let jwk = Jwk::OKP { crv: "Ed25519".into(), x: "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo".into() };
        assert_eq!(thumbprint(&jwk), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
    }
}
