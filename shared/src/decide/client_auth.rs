//! Client authentication (RFC 6749 §2.3).

use crate::refusal::Refusal;
use crate::store::client::{Client, ClientSecret};
use proto::hash::sha256;
use proto::oauth::client_auth::ClientCredentials;
use proto::secret::ct_eq;
use proto::time::UnixTime;
use std::fmt::Write;

/// SHA-256 as lower-case hex: how client secrets are stored.
#[must_use]
pub fn secret_hash(secret: &str) -> String {
    sha256(secret.as_bytes()).iter().fold(String::with_capacity(64), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

/// Proves the client. A public client proves nothing but its name; a secret it sends is ignored.
/// Unknown client and wrong secret are one answer, found with the same work.
///
/// # Errors
/// [`Refusal::ClientSecretWrong`], [`Refusal::ClientAuthMissing`] if a confidential client sent no secret, or
/// [`Refusal::ClientAuthMethodNotRegistered`].
pub fn authenticate(
    credentials: &ClientCredentials,
    client: Option<Client>,
    secrets: &[ClientSecret],
    now: UnixTime,
) -> Result<Client, Refusal> {
    let sent = credentials.secret().map_or("", |s| s.expose());
    let sent_hash = secret_hash(sent);
    // No early exit: every stored secret is compared, whichever fits.
    let fits = secrets
        .iter()
        .filter(|s| s.is_active(now) && s.hash_alg == "sha256")
        .fold(false, |fits, s| ct_eq(s.secret_hash.as_bytes(), sent_hash.as_bytes()) | fits);
    let client = client.ok_or(Refusal::ClientSecretWrong)?;
    check_method(credentials, &client)?;
    if client.is_public || fits {
        return Ok(client);
    }
    Err(if credentials.secret().is_none() { Refusal::ClientAuthMissing } else { Refusal::ClientSecretWrong })
}

/// A client that registered a method uses that one (RFC 7591 §2, OpenID Connect Registration §2).
///
/// # Errors
/// [`Refusal::ClientAuthMethodNotRegistered`].
pub fn check_method(credentials: &ClientCredentials, client: &Client) -> Result<(), Refusal> {
    match client.metadata.token_endpoint_auth_method.as_deref() {
        Some(registered) if registered != credentials.method() && !client.is_public => {
            Err(Refusal::ClientAuthMethodNotRegistered)
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::authorize::tests::client;
    use proto::secret::Secret;

    fn secret(text: &str, expires_at: Option<i64>) -> ClientSecret {
        ClientSecret {
            id: "1".into(),
            secret_hash: secret_hash(text),
            hash_alg: "sha256".into(),
            prefix: String::new(),
            created_at: UnixTime(0),
            expires_at: expires_at.map(UnixTime),
        }
    }

    fn post(text: &str) -> ClientCredentials {
        ClientCredentials::Post { id: "app".into(), secret: Secret::new(text.into()) }
    }

    #[test]
    fn any_active_secret_opens_and_nothing_else() {
        let secrets =
            [secret("first secret", None), secret("second secret", Some(100)), secret("old", Some(50))];
        let now = UnixTime(60);
        for good in ["first secret", "second secret"] {
            assert_eq!(authenticate(&post(good), Some(client()), &secrets, now), Ok(client()), "{good}");
        }
        for bad in ["old", "", "first secret ", "FIRST SECRET"] {
            assert_eq!(
                authenticate(&post(bad), Some(client()), &secrets, now),
                Err(Refusal::ClientSecretWrong),
                "{bad}"
            );
        }
        assert_eq!(authenticate(&post("first secret"), None, &[], now), Err(Refusal::ClientSecretWrong));
    }

    #[test]
    fn s18_a_registered_method_is_the_only_one() {
        let secrets = [secret("first secret", None)];
        let basic = ClientCredentials::Basic { id: "app".into(), secret: Secret::new("first secret".into()) };
        for (registered, basic_ok, post_ok) in [
            (None, true, true),
            (Some("client_secret_basic"), true, false),
            (Some("client_secret_post"), false, true),
            (Some("private_key_jwt"), false, false),
            (Some("none"), false, false),
        ] {
            let mut client = client();
            client.metadata.token_endpoint_auth_method = registered.map(str::to_owned);
            for (sent, ok) in [(&basic, basic_ok), (&post("first secret"), post_ok)] {
                let expected =
                    if ok { Ok(client.clone()) } else { Err(Refusal::ClientAuthMethodNotRegistered) };
                let result = authenticate(sent, Some(client.clone()), &secrets, UnixTime(0));
                assert_eq!(result, expected, "{registered:?} {}", sent.method());
            }
        }
    }

    #[test]
    fn public_clients_need_no_secret_and_confidential_ones_do() {
        let none = ClientCredentials::None { id: "app".into() };
        let public = Client { is_public: true, ..client() };
        assert_eq!(authenticate(&none, Some(public.clone()), &[], UnixTime(0)), Ok(public));
        assert_eq!(authenticate(&none, Some(client()), &[], UnixTime(0)), Err(Refusal::ClientAuthMissing));
    }
}
