//! Every rule of OAuth and OpenID Connect that a request can break, and what the outside is told.

use proto::oauth::ErrorCode;
use proto::oauth::dpop::ProofError;

/// One broken rule. The variants are for logs, audit and tests; [`Refusal::public`] is what the client sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    // the request as such
    /// The parameters are not `application/x-www-form-urlencoded`, or one comes twice (RFC 6749 §3.1).
    MalformedParameters,
    /// Parameters of the token endpoint in the query (RFC 6749 §3.2).
    QueryParameters,
    /// `client_id` is missing.
    ClientIdMissing,
    /// No client has this id.
    ClientUnknown,
    /// `redirect_uri` is missing or unreadable.
    RedirectUriInvalid,
    /// `redirect_uri` matches none of the client's.
    RedirectUriNotRegistered,
    /// `redirect_uri` is http to another machine and the installation forbids that.
    RedirectUriInsecure,

    // authorization request
    /// `response_type` is missing.
    ResponseTypeMissing,
    /// `response_type` is not `code`.
    ResponseTypeUnsupported,
    /// `response_mode` is none of query, fragment, form_post or their signed forms.
    ResponseModeUnsupported,
    /// `request_uri` is none of our own URNs.
    RequestUriUnsupported,
    /// `request` and `request_uri` together (OpenID Connect Core §6).
    RequestAndRequestUri,
    /// The pushed request is unknown, expired, used, or another client's (RFC 9126 §4).
    PushedRequestUnknown,
    /// `registration` is not served.
    RegistrationUnsupported,
    /// A scope is no scope-token list (RFC 6749 §3.3).
    ScopeMalformed,
    /// The client or its kind must send `code_challenge` (RFC 9700 §2.1.1).
    CodeChallengeMissing,
    /// `code_challenge` is malformed.
    CodeChallengeMalformed,
    /// `code_challenge_method` is missing, not `S256`, or stands alone.
    CodeChallengeMethodUnsupported,
    /// `prompt` is unknown or combines `none` with others.
    PromptInvalid,
    /// `max_age` is not a non-negative integer.
    MaxAgeInvalid,
    /// `claims` is not what OpenID Connect Core §5.5 describes.
    ClaimsMalformed,
    /// `state` or `nonce` is longer than 1024 bytes or holds control characters.
    ParameterTooLong,
    /// `dpop_jkt` is no thumbprint (RFC 9449 §10).
    DpopJktMalformed,
    /// `id_token_hint` is not one of our ID tokens.
    IdTokenHintInvalid,
    /// The client only takes pushed authorization requests.
    PushedRequestRequired,
    /// `resource` or a scope that belongs to an API cannot be had. Which it was, is not said to strangers.
    ResourceOrScopeInvalid,
    /// A pushed request refers to another (RFC 9126 §2.1).
    PushedRequestUri,
    /// A pushed request is longer than is stored.
    PushedRequestTooLong,
    /// The client only takes signed request objects (RFC 9101 §10.5).
    RequestObjectRequired,
    /// `request` is no JWS in compact form; encrypted ones are none.
    RequestObjectMalformed,
    /// The request object has another algorithm than the client's `request_object_signing_alg`.
    RequestObjectAlg,
    /// No key of the client made the signature.
    RequestObjectSignature,
    /// The request object is a token for something else.
    RequestObjectType,
    /// `iss`, `aud`, `client_id`, a time or a parameter of the request object is missing or wrong.
    RequestObjectClaims,
    /// What is sent beside the request object contradicts it.
    RequestObjectContradicted,
    /// The `jti` of the request object was seen before.
    RequestObjectReplayed,
    /// `prompt=none` and nobody is signed in, or must sign in again.
    LoginRequired,
    /// The client insists on a stronger sign-in than there was, or on one that is not known here.
    AuthenticationRequirementsUnmet,
    /// `prompt=none` and consent is missing.
    ConsentRequired,
    /// `prompt=none` and an account has to be chosen.
    AccountSelectionRequired,
    /// The person said no.
    Denied,
    /// The person is in none of the client's groups.
    NotInAllowedGroups,

    // APIs
    /// `resource` is no absolute URI, or has a fragment (RFC 8707 §2).
    ResourceMalformed,
    /// No API has the address.
    ResourceUnknown,
    /// The client may not use the API.
    ResourceNotAllowed,
    /// A permission is asked for that the client lacks, or without the API it belongs to.
    ScopeNotOfResource,
    /// The token request names another API than the grant.
    ResourceNotOfGrant,
    /// The client may no longer use the API, or lost a permission that was granted.
    ApiAccessWithdrawn,

    // client authentication
    /// More than one client authentication method (RFC 6749 §2.3).
    SeveralClientAuthMethods,
    /// No client authentication where it is needed.
    ClientAuthMissing,
    /// Unknown client or wrong secret: deliberately one variant, also in the log.
    ClientSecretWrong,
    /// The `Authorization` header cannot be read.
    ClientAuthMalformed,
    /// The client is registered for another method of authentication (RFC 7591 §2 `token_endpoint_auth_method`).
    ClientAuthMethodNotRegistered,
    /// The metadata document that a `client_id` is the address of cannot be had or breaks a rule.
    ClientDocumentUnavailable,
    /// The metadata document has changed so that people have to be asked again.
    ClientDocumentChanged,
    /// An admin has yet to approve the client.
    ClientPending,
    /// The assertion is no JWT, of another type, or has a malformed claim (RFC 7523 §3).
    AssertionMalformed,
    /// The assertion is of nobody whom the client trusts, or its subject is another (RFC 7523 §3, 1 and 2).
    AssertionOfOther,
    /// None of the keys signed the assertion, or its algorithm is not the registered one.
    AssertionSignatureWrong,
    /// The assertion is for another audience, or for others too (RFC 7523 §3, 3).
    AssertionAudienceWrong,
    /// The assertion has expired, is not valid yet, or lives too long (RFC 7523 §3, 4 to 6).
    AssertionTimeWrong,
    /// The assertion has no `jti`, or one that was used before (RFC 7523 §3, 7).
    AssertionReplayed,
    /// The client's key set is malformed or cannot be fetched, and there is no copy.
    ClientKeysUnavailable,

    // client registration
    /// A redirect URI is missing, malformed, insecure or holds a wildcard (RFC 7591 §3.2.2).
    RegisteredUriInvalid,
    /// A member of the client metadata breaks a rule, which the text names (RFC 7591 §3.2.2).
    ClientMetadataInvalid(&'static str),
    /// Software statements are signed by nobody whom this installation knows (RFC 7591 §3.2.2).
    SoftwareStatementUnapproved,
    /// A change does not name its client, or says what only we say (RFC 7592 §2.2).
    RegistrationRequestInvalid,
    /// As many pushed requests of the client wait as may.
    PushedRequestsFull,
    /// As many clients have registered without a token as may.
    RegistrationFull,

    // token request
    /// `grant_type` is missing.
    GrantTypeMissing,
    /// `grant_type` is not served.
    GrantTypeUnsupported,
    /// The grant is not among those that the client registered (RFC 7591 §2 `grant_types`).
    GrantTypeNotRegistered,
    /// A public client asks for a grant that only clients with credentials may use (RFC 6749 §4.4.2, RFC 8693 §2.1).
    GrantTypeNotForPublic,
    /// `code` or `refresh_token` is missing.
    GrantMissing,
    /// There is no such code.
    CodeUnknown,
    /// The code was issued to another client.
    CodeOfOtherClient,
    /// The code has expired.
    CodeExpired,
    /// The code was redeemed before.
    CodeAlreadyUsed,
    /// `redirect_uri` differs from the authorization request's.
    CodeRedirectUriMismatch,
    /// `code_verifier` is missing, malformed, wrong, or there was no challenge (RFC 9700 §2.1.1).
    CodeVerifierMismatch,
    /// There is no such refresh token.
    RefreshTokenUnknown,
    /// The refresh token was issued to another client.
    RefreshTokenOfOtherClient,
    /// The refresh token has expired.
    RefreshTokenExpired,
    /// The refresh token was used before: the family is revoked (RFC 9700 §4.14.2).
    RefreshTokenReused,
    /// The grant behind it was revoked.
    GrantRevoked,
    /// The consent behind it was withdrawn.
    ConsentWithdrawn,
    /// The account no longer exists or is disabled.
    AccountUnavailable,
    /// A refresh asks for more than was granted.
    ScopeExceedsGrant,

    // device authorization
    /// `device_code` is missing.
    DeviceCodeMissing,
    /// There is no such device code.
    DeviceCodeUnknown,
    /// The device code was issued to another client.
    DeviceCodeOfOtherClient,
    /// The device code gave its tokens before.
    DeviceCodeAlreadyUsed,
    /// The device code has expired.
    DeviceCodeExpired,
    /// The person has not decided yet.
    DevicePending,
    /// The device polls too often.
    DeviceSlowDown,
    /// The person said no.
    DeviceDenied,

    // revocation and introspection
    /// `token` is missing.
    TokenParameterMissing,
    /// The token is one of ours that cannot be revoked (RFC 7009 §2.2.1).
    TokenTypeUnsupported,
    /// A public client asked about a token.
    PublicClientIntrospects,

    // DPoP
    /// The proof breaks a rule of RFC 9449 §4.3.
    DpopProof(ProofError),
    /// More than one `DPoP` header, or one that is no text.
    DpopProofSeveral,
    /// The client or the token is bound to a key, and the request shows none.
    DpopProofMissing,
    /// The proof was used before.
    DpopProofReplayed,
    /// The proof needs a nonce of ours, or a newer one.
    DpopNonceNeeded,
    /// The code is bound to another key (RFC 9449 §10).
    CodeOfOtherKey,
    /// A pushed request has a proof of another key than its `dpop_jkt` (RFC 9449 §10.1).
    PushedKeyMismatch,
    /// The refresh token is bound to another key (RFC 9449 §5).
    RefreshTokenOfOtherKey,
    // token exchange (RFC 8693)
    /// A parameter is missing, or two are sent of which one is allowed.
    ExchangeMalformed,
    /// A `…_token_type` is not served.
    ExchangeTypeUnsupported,
    /// The `subject_token` is not ours, has expired, was revoked, or names no person.
    SubjectTokenInvalid,
    /// The `subject_token` was issued for somebody else.
    SubjectTokenOfOther,
    /// The `actor_token` is not ours, not the client's, has expired or was revoked.
    ActorTokenInvalid,
    /// The token was handed on too often.
    ActorChainTooLong,
    /// The client may not exchange tokens for this target: none is allowed unless an admin listed it.
    ExchangeTargetNotAllowed,
    /// More scope is asked for than the `subject_token` has.
    ScopeExceedsSubject,

    // protected resource
    /// No access token in the request (RFC 6750 §3: no error code is given).
    TokenMissing,
    /// Several ways of sending the token at once.
    TokenSentTwice,
    /// The token is malformed, of another kind, expired or revoked.
    TokenInvalid,
    /// The token is bound to a key, and came as if it were not (RFC 9449 §7.2).
    TokenBound,
    /// The token is bound to another key than the proof's (RFC 9449 §7.1).
    TokenOfOtherKey,
    /// The token lacks `openid`.
    TokenScopeInsufficient,
}

impl Refusal {
    /// The error code and description that the client sees. Descriptions are constants, so that nothing of the
    /// request or of a secret can leak through them.
    #[must_use]
    pub const fn public(self) -> (ErrorCode, &'static str) {
        use ErrorCode as E;
        match self {
            Self::MalformedParameters => {
                (E::InvalidRequest, "The parameters are malformed, or one of them is sent more than once.")
            }
            Self::QueryParameters => (E::InvalidRequest, "Parameters belong in the request body."),
            Self::ClientIdMissing => (E::InvalidRequest, "The 'client_id' parameter is missing."),
            Self::ClientUnknown => (E::InvalidClient, "The client does not exist."),
            Self::RedirectUriInvalid => {
                (E::InvalidRequest, "The 'redirect_uri' parameter is missing or invalid.")
            }
            Self::RedirectUriNotRegistered => {
                (E::InvalidRequest, "The 'redirect_uri' is not registered for this client.")
            }
            Self::RedirectUriInsecure => (
                E::InvalidRequest,
                "The 'redirect_uri' uses an insecure protocol; only https is allowed here.",
            ),
            Self::ResponseTypeMissing => (E::InvalidRequest, "The 'response_type' parameter is missing."),
            Self::ResponseTypeUnsupported => {
                (E::UnsupportedResponseType, "Only the response type 'code' is supported.")
            }
            Self::ResponseModeUnsupported => (
                E::InvalidRequest,
                "The response modes are 'query', 'fragment' and 'form_post', alone or with '.jwt', and 'jwt'.",
            ),
            Self::RequestUriUnsupported => {
                (E::RequestUriNotSupported, "A 'request_uri' has to be of a pushed authorization request.")
            }
            Self::RequestAndRequestUri => {
                (E::InvalidRequest, "The 'request' and 'request_uri' parameters exclude each other.")
            }
            Self::PushedRequestUnknown => {
                (E::InvalidRequestUri, "The 'request_uri' is unknown, expired or was used before.")
            }
            Self::RegistrationUnsupported => {
                (E::RegistrationNotSupported, "The 'registration' parameter is not supported.")
            }
            Self::ScopeMalformed => (E::InvalidScope, "The 'scope' parameter is malformed."),
            Self::CodeChallengeMissing => (
                E::InvalidRequest,
                "This client requires PKCE, but the 'code_challenge' parameter is missing.",
            ),
            Self::CodeChallengeMalformed => {
                (E::InvalidRequest, "The 'code_challenge' parameter is malformed.")
            }
            Self::CodeChallengeMethodUnsupported => {
                (E::InvalidRequest, "The 'code_challenge_method' must be 'S256'.")
            }
            Self::PromptInvalid => (E::InvalidRequest, "The 'prompt' parameter is invalid."),
            Self::MaxAgeInvalid => {
                (E::InvalidRequest, "The 'max_age' parameter must be a non-negative integer.")
            }
            Self::ClaimsMalformed => (E::InvalidRequest, "The 'claims' parameter is malformed."),
            Self::ParameterTooLong => (
                E::InvalidRequest,
                "The 'state' or 'nonce' parameter is too long or holds control characters.",
            ),
            Self::DpopJktMalformed => {
                (E::InvalidRequest, "The 'dpop_jkt' parameter is not a SHA-256 JWK thumbprint.")
            }
            Self::IdTokenHintInvalid => (E::InvalidRequest, "The 'id_token_hint' is not a valid ID token."),
            Self::PushedRequestRequired => {
                (E::InvalidRequest, "This client requires pushed authorization requests.")
            }
            Self::ResourceOrScopeInvalid => {
                (E::InvalidRequest, "The 'resource' or 'scope' parameter is invalid.")
            }
            Self::ResourceMalformed | Self::ResourceUnknown => {
                (E::InvalidTarget, "The 'resource' is unknown or malformed.")
            }
            Self::ResourceNotAllowed => (E::AccessDenied, "The client may not access this resource."),
            Self::ScopeNotOfResource => {
                (E::InvalidScope, "A scope is not granted for the 'resource', or needs one.")
            }
            Self::ResourceNotOfGrant => {
                (E::InvalidTarget, "The 'resource' differs from the one that was granted.")
            }
            Self::ApiAccessWithdrawn => {
                (E::InvalidGrant, "The client may no longer access this resource with this scope.")
            }
            Self::PushedRequestUri => {
                (E::InvalidRequest, "A pushed authorization request has no 'request_uri'.")
            }
            Self::PushedRequestTooLong => {
                (E::InvalidRequest, "The pushed authorization request is too long.")
            }
            Self::RequestObjectRequired => {
                (E::InvalidRequest, "This client requires signed request objects.")
            }
            Self::RequestObjectMalformed => {
                (E::InvalidRequestObject, "The request object is not a signed JWT in compact form.")
            }
            Self::RequestObjectAlg | Self::RequestObjectSignature => {
                (E::InvalidRequestObject, "No key of this client made the request object's signature.")
            }
            Self::RequestObjectType => {
                (E::InvalidRequestObject, "The 'typ' of the request object is not 'oauth-authz-req+jwt'.")
            }
            Self::RequestObjectClaims => (
                E::InvalidRequestObject,
                "A claim of the request object is missing or invalid: 'iss', 'aud', 'client_id', 'exp' or another.",
            ),
            Self::RequestObjectContradicted => (
                E::InvalidRequestObject,
                "The 'response_type' or 'scope' parameter contradicts the request object.",
            ),
            Self::RequestObjectReplayed => (E::InvalidRequestObject, "The request object was used before."),
            Self::LoginRequired => (E::LoginRequired, "The user has to sign in."),
            Self::AuthenticationRequirementsUnmet => (
                E::UnmetAuthenticationRequirements,
                "The user cannot sign in as strongly as the client requires.",
            ),
            Self::ConsentRequired => (E::ConsentRequired, "The user has to give consent."),
            Self::AccountSelectionRequired => {
                (E::AccountSelectionRequired, "The user has to choose an account.")
            }
            Self::Denied => (E::AccessDenied, "The user denied the request."),
            Self::NotInAllowedGroups => (E::AccessDenied, "The user is not allowed to access this service."),
            Self::SeveralClientAuthMethods => {
                (E::InvalidRequest, "Only one client authentication method may be used per request.")
            }
            Self::ClientAuthMissing
            | Self::ClientSecretWrong
            | Self::ClientAuthMalformed
            | Self::ClientAuthMethodNotRegistered
            | Self::AssertionMalformed
            | Self::AssertionOfOther
            | Self::AssertionSignatureWrong => (E::InvalidClient, "Client authentication failed."),
            // From here on the signature was right, and the client may know.
            Self::AssertionAudienceWrong => {
                (E::InvalidClient, "The 'aud' of the client assertion must be the issuer.")
            }
            Self::AssertionTimeWrong => (
                E::InvalidClient,
                "The client assertion has expired, is not valid yet, or is valid for too long.",
            ),
            Self::AssertionReplayed => {
                (E::InvalidClient, "The client assertion has no 'jti', or it was used before.")
            }
            Self::ClientDocumentUnavailable => {
                (E::InvalidClient, "The client metadata document could not be resolved.")
            }
            Self::ClientDocumentChanged => {
                (E::InvalidClient, "The client metadata document has changed. Send the request again.")
            }
            Self::ClientPending => (E::UnauthorizedClient, "The client has not been approved yet."),
            Self::ClientKeysUnavailable => (E::InvalidClient, "The keys of the client could not be fetched."),
            Self::RegisteredUriInvalid => {
                (E::InvalidRedirectUri, "A redirect URI is missing, malformed, insecure or holds a wildcard.")
            }
            Self::ClientMetadataInvalid(rule) => (E::InvalidClientMetadata, rule),
            Self::SoftwareStatementUnapproved => {
                (E::UnapprovedSoftwareStatement, "Software statements are not accepted.")
            }
            Self::RegistrationRequestInvalid => (
                E::InvalidRequest,
                "The request must name the client with its secret, and nothing that only the server says.",
            ),
            Self::PushedRequestsFull => {
                (E::TemporarilyUnavailable, "Too many pushed requests of the client wait to be used.")
            }
            Self::RegistrationFull => {
                (E::TemporarilyUnavailable, "No more clients can register without a token.")
            }
            Self::GrantTypeMissing => (E::InvalidRequest, "The 'grant_type' parameter is missing."),
            Self::GrantTypeNotRegistered => {
                (E::UnauthorizedClient, "The client is not registered for this grant type.")
            }
            Self::GrantTypeNotForPublic => {
                (E::UnauthorizedClient, "Public clients may not use this grant type.")
            }
            Self::GrantTypeUnsupported => (E::UnsupportedGrantType, "The grant type is not supported."),
            Self::GrantMissing => (E::InvalidRequest, "The 'code' or 'refresh_token' parameter is missing."),
            Self::CodeUnknown | Self::CodeOfOtherClient | Self::CodeExpired | Self::CodeAlreadyUsed => {
                (E::InvalidGrant, "The authorization code is invalid, expired or was used before.")
            }
            Self::CodeRedirectUriMismatch => {
                (E::InvalidGrant, "The 'redirect_uri' differs from the one of the authorization request.")
            }
            Self::CodeVerifierMismatch => {
                (E::InvalidGrant, "The 'code_verifier' does not fit the 'code_challenge'.")
            }
            Self::RefreshTokenUnknown
            | Self::RefreshTokenOfOtherClient
            | Self::RefreshTokenExpired
            | Self::RefreshTokenReused
            | Self::GrantRevoked
            | Self::ConsentWithdrawn => {
                (E::InvalidGrant, "The code or refresh token is invalid, expired or was revoked.")
            }
            Self::AccountUnavailable => {
                (E::InvalidGrant, "The user account no longer exists or is disabled.")
            }
            Self::ScopeExceedsGrant => (E::InvalidScope, "The requested scope exceeds what was granted."),
            Self::DeviceCodeMissing => (E::InvalidRequest, "The 'device_code' parameter is missing."),
            Self::DeviceCodeUnknown | Self::DeviceCodeOfOtherClient | Self::DeviceCodeAlreadyUsed => {
                (E::InvalidGrant, "The device code is invalid or was used before.")
            }
            Self::DeviceCodeExpired => (E::ExpiredToken, "The device code has expired."),
            Self::DevicePending => (E::AuthorizationPending, "The user has not decided yet."),
            Self::DeviceSlowDown => (E::SlowDown, "Polls come too often; wait five seconds longer."),
            Self::DeviceDenied => (E::AccessDenied, "The user denied the request."),
            Self::TokenParameterMissing => (E::InvalidRequest, "The 'token' parameter is missing."),
            Self::TokenTypeUnsupported => {
                (E::UnsupportedTokenType, "Only access tokens and refresh tokens can be revoked.")
            }
            Self::PublicClientIntrospects => (E::InvalidClient, "Public clients cannot introspect tokens."),
            Self::DpopProof(error) => (E::InvalidDpopProof, error.text()),
            Self::DpopProofSeveral => {
                (E::InvalidDpopProof, "The request must have one DPoP header with one proof.")
            }
            Self::DpopProofMissing => (E::InvalidDpopProof, "A DPoP proof is required."),
            Self::DpopProofReplayed => (E::InvalidDpopProof, "The DPoP proof was used before."),
            Self::DpopNonceNeeded => {
                (E::UseDpopNonce, "The DPoP proof must hold the nonce of the DPoP-Nonce header.")
            }
            Self::PushedKeyMismatch => {
                (E::InvalidDpopProof, "The key of the DPoP proof is not the one of 'dpop_jkt'.")
            }
            Self::CodeOfOtherKey => (E::InvalidGrant, "The authorization code is bound to another DPoP key."),
            Self::RefreshTokenOfOtherKey => {
                (E::InvalidGrant, "The refresh token is bound to another DPoP key.")
            }
            Self::TokenBound => (E::InvalidToken, "The access token is bound to a DPoP key."),
            Self::TokenOfOtherKey => (E::InvalidToken, "The access token is bound to another DPoP key."),
            Self::ExchangeMalformed => (
                E::InvalidRequest,
                "A token exchange has a 'subject_token', its type, and at most one of 'audience' and 'resource'.",
            ),
            Self::ExchangeTypeUnsupported => (
                E::InvalidRequest,
                "Access tokens are given for access tokens and ID tokens; other token types are not supported.",
            ),
            Self::SubjectTokenInvalid | Self::SubjectTokenOfOther => (
                E::InvalidRequest,
                "The 'subject_token' is invalid, expired, was revoked, or is not for this client.",
            ),
            Self::ActorTokenInvalid => (
                E::InvalidRequest,
                "The 'actor_token' is invalid, expired, was revoked, or is not this client's.",
            ),
            Self::ActorChainTooLong => (E::InvalidRequest, "The token has been handed on too often."),
            Self::ExchangeTargetNotAllowed => {
                (E::InvalidTarget, "The client may not exchange tokens for this target.")
            }
            Self::ScopeExceedsSubject => {
                (E::InvalidScope, "The requested scope exceeds that of the 'subject_token'.")
            }
            Self::TokenMissing => (E::InvalidToken, "An access token is required."),
            Self::TokenSentTwice => (E::InvalidRequest, "The access token is sent in more than one way."),
            Self::TokenInvalid => (E::InvalidToken, "The access token is invalid, expired or was revoked."),
            Self::TokenScopeInsufficient => {
                (E::InsufficientScope, "The access token lacks the 'openid' scope.")
            }
        }
    }
}
