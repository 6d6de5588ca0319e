//! The request of a token exchange (RFC 8693 §2.1).

use crate::form::Params;

/// `grant_type` of the exchange.
pub const GRANT_TYPE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";

/// The token type that is issued (RFC 8693 §3).
pub const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";

const ID_TOKEN: &str = "urn:ietf:params:oauth:token-type:id_token";

/// What a token that is sent says it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SentType {
    /// An access token.
    AccessToken,
    /// An ID token.
    IdToken,
}

impl SentType {
    fn parse(text: &str) -> Result<Self, ExchangeError> {
        match text {
            ACCESS_TOKEN => Ok(Self::AccessToken),
            ID_TOKEN => Ok(Self::IdToken),
            _ => Err(ExchangeError::UnsupportedType),
        }
    }
}

/// Who the new token is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target<'a> {
    /// The address of an API, from `resource`.
    Resource(&'a str),
    /// The id of a client, from `audience`.
    Audience(&'a str),
    /// The asking client itself.
    Own,
}

/// A token and its type.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Sent<'a> {
    /// The token; it is not verified yet.
    pub token: &'a str,
    /// What it says it is.
    pub kind: SentType,
}

/// The parameters.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct ExchangeRequest<'a> {
    /// In whose name the new token is used.
    pub subject: Sent<'a>,
    /// Who uses it.
    pub actor: Option<Sent<'a>>,
    /// Who it is for.
    pub target: Target<'a>,
    /// Scope asked for.
    pub scope: Option<&'a str>,
}

/// Why a request is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ExchangeError {
    /// A parameter is missing, an actor's token and type do not come together, or two targets are named.
    #[error("token exchange lacks a parameter or has one too many")]
    Malformed,
    /// A token type other than access token and ID token, or another one than access token is wanted.
    #[error("token type is not supported")]
    UnsupportedType,
}

impl<'a> ExchangeRequest<'a> {
    /// Reads the parameters.
    ///
    /// # Errors
    /// [`ExchangeError`].
    pub fn parse(params: &'a Params) -> Result<Self, ExchangeError> {
        let sent = |token: &str, kind: &str| match (params.get(token), params.get(kind)) {
            (Some(token), Some(kind)) => Ok(Some(Sent { token, kind: SentType::parse(kind)? })),
            (None, None) => Ok(None),
            _ => Err(ExchangeError::Malformed),
        };
        let subject = sent("subject_token", "subject_token_type")?.ok_or(ExchangeError::Malformed)?;
        let actor = sent("actor_token", "actor_token_type")?;
        if params.get("requested_token_type").is_some_and(|wanted| wanted != ACCESS_TOKEN) {
            return Err(ExchangeError::UnsupportedType);
        }
        let target = match (params.get("resource"), params.get("audience")) {
            (Some(resource), None) => Target::Resource(resource),
            (None, Some(audience)) => Target::Audience(audience),
            (None, None) => Target::Own,
            (Some(_), Some(_)) => return Err(ExchangeError::Malformed),
        };
        Ok(Self { subject, actor, target, scope: params.get("scope") })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(query: &str) -> Result<(SentType, Option<SentType>, String), ExchangeError> {
        let query = query.replace("AT", ACCESS_TOKEN).replace("IT", ID_TOKEN);
        let params = Params::parse(query).unwrap();
        let read = ExchangeRequest::parse(&params)?;
        Ok((read.subject.kind, read.actor.map(|a| a.kind), format!("{:?}", read.target)))
    }

    #[test]
    fn rfc8693_parameters() {
        use SentType::{AccessToken, IdToken};
        let subject = "subject_token=s&subject_token_type=AT";
        assert_eq!(run(subject), Ok((AccessToken, None, "Own".into())));
        assert_eq!(run("subject_token=s&subject_token_type=IT"), Ok((IdToken, None, "Own".into())));
        assert_eq!(
            run(&format!("{subject}&actor_token=a&actor_token_type=IT&audience=b&requested_token_type=AT")),
            Ok((AccessToken, Some(IdToken), "Audience(\"b\")".into()))
        );
        assert_eq!(
            run(&format!("{subject}&resource=urn:x")),
            Ok((AccessToken, None, "Resource(\"urn:x\")".into()))
        );
        let malformed = [
            "",
            "subject_token=s",
            "subject_token_type=AT",
            "subject_token=s&subject_token_type=AT&actor_token=a",
            "subject_token=s&subject_token_type=AT&actor_token_type=AT",
            "subject_token=s&subject_token_type=AT&audience=a&resource=b",
        ];
        for bad in malformed {
            assert_eq!(run(bad), Err(ExchangeError::Malformed), "{bad}");
        }
        let types = [
            "urn:ietf:params:oauth:token-type:refresh_token",
            "urn:ietf:params:oauth:token-type:saml2",
            "jwt",
        ];
        for bad in types {
            assert_eq!(
                run(&format!("subject_token=s&subject_token_type={bad}")),
                Err(ExchangeError::UnsupportedType)
            );
            assert_eq!(
                run(&format!("{subject}&requested_token_type={bad}")),
                Err(ExchangeError::UnsupportedType)
            );
        }
    }
}
