//! What a person does with a user code: enter it, allow, deny (RFC 8628 §3.3). The page and the JSON API both end here.

use crate::db::Stmt;
use crate::decide::resource::{Reach, consent_keys};
use crate::failure::{Failure, Fault};
use crate::http::{Cx, Req, peer};
use crate::ports::DbError;
use crate::refusal::Refusal;
use crate::store::audit::{self, Event};
use crate::store::client::Client;
use crate::store::consent::{self, Consent};
use crate::store::device_code::{self, DeviceCode};
use crate::store::grant::{Grant, Kind};
use crate::store::session::{self, Who};
use crate::store::{api, counter, load, save};
use proto::b64;
use proto::hash::{hkdf_sha256, hmac_sha256};
use proto::oauth::UserCode;
use proto::oauth::scope::Scope;
use serde_json::json;

/// Wrong codes that one person, one address and everybody together may enter within [`SPAN_S`] (§5.1): with 33⁷
/// codes, guessing one of a thousand that wait would take centuries.
const MOST_WRONG: [i64; 3] = [10, 20, 1000];

/// The span of those counts, in seconds.
const SPAN_S: i64 = 900;

/// How user codes are stored. They are short, so a plain hash would be undone by trying all.
#[must_use]
pub fn user_code_hash(cx: &Cx, code: &UserCode) -> String {
    let secret = cx.host.settings.encryption_key.expose().as_bytes();
    b64::encode(hmac_sha256(&*hkdf_sha256(secret, b"latchkey/user-codes"), code.as_str().as_bytes()))
}

/// A request of a device, with what decides about it for one person.
pub struct Asked {
    /// The request.
    pub code: DeviceCode,
    /// Its client.
    pub client: Client,
    /// What the person agreed to before.
    pub consent: Option<Consent>,
    /// Whether the person is in a group that the client allows.
    pub is_member: bool,
    /// What the client may ask for at APIs.
    pub reach: Reach,
    user_code_hash: String,
}

/// What came of entering a code.
pub enum Entered {
    /// The code waits for this person.
    Found(Box<Asked>),
    /// There is no such code, or it is not for this person. The two look alike.
    Unknown,
    /// The code was right, too late.
    Expired,
    /// Too many wrong codes.
    TooMany {
        /// Seconds until the next try.
        retry_after_s: u32,
    },
}

fn counters(cx: &Cx, who: &Who) -> [String; 3] {
    let address = cx.peer.ip.map_or_else(|| "unknown".to_owned(), peer::fold);
    [
        format!("user-code:user:{}", who.user.id),
        format!("user-code:address:{address}"),
        "user-code:all".to_owned(),
    ]
}

/// Takes the count of a try back once the code has turned out right.
#[must_use]
pub fn uncounted(cx: &Cx, who: &Who) -> Vec<Stmt> {
    counters(cx, who).iter().map(|name| counter::give_back(name)).collect()
}

/// Looks a code up and counts the try, right or wrong, in one batch: however many tries run at once, no more are
/// answered than `MOST_WRONG` allows. A right one gives its count back, see [`uncounted`].
///
/// # Errors
/// [`Refusal::NotInAllowedGroups`], or a fault.
pub async fn enter(cx: &Cx, who: &Who, typed: &str) -> Result<Entered, Failure> {
    let hash = UserCode::parse(typed).map(|code| user_code_hash(cx, &code)).unwrap_or_default();
    let user = &who.user.id;
    let [own, address, everybodys] = counters(cx, who);
    let [own, address, all, found, given, member, reach] = load(
        &*cx.host.db,
        [
            counter::take(&own, cx.now, SPAN_S),
            counter::take(&address, cx.now, SPAN_S),
            counter::take(&everybodys, cx.now, SPAN_S),
            device_code::by_user_code(&hash),
            device_code::consent(&hash, user),
            device_code::membership(&hash, user),
            api::reach_of_device(&hash),
        ],
    )
    .await?;
    for (position, (rows, most)) in [own, address, all].iter().zip(MOST_WRONG).enumerate() {
        let (count, until) = counter::read(rows)?;
        if count > most {
            // What a narrower limit refuses must not use up everybody's.
            if position < 2 {
                cx.host.db.query(counter::give_back(&everybodys)).await?;
            }
            let retry_after_s = u32::try_from(until.since(cx.now)).unwrap_or(1).max(1);
            return Ok(Entered::TooMany { retry_after_s });
        }
    }
    let Some((code, client)) = device_code::read_with_client(&found)? else { return Ok(Entered::Unknown) };
    if !code.is_open_to(user) || client.is_pending {
        return Ok(Entered::Unknown);
    }
    if code.expires_at <= cx.now {
        return Ok(Entered::Expired);
    }
    let asked = Asked {
        code,
        client,
        consent: consent::read(&given)?,
        is_member: !member.is_empty(),
        reach: api::read_reach(&reach)?,
        user_code_hash: hash,
    };
    asked.check_group()?;
    Ok(Entered::Found(Box::new(asked)))
}

/// The request whose code this person has entered before, decided or not; `None` for any other code, so that this
/// tells nothing to whoever tries codes.
///
/// # Errors
/// A fault.
pub async fn entered_before(cx: &Cx, who: &Who, typed: &str) -> Result<Option<Asked>, Failure> {
    let Some(code) = UserCode::parse(typed) else { return Ok(None) };
    let (hash, user) = (user_code_hash(cx, &code), &who.user.id);
    let [found, given, member, reach] = load(
        &*cx.host.db,
        [
            device_code::by_user_code(&hash),
            device_code::consent(&hash, user),
            device_code::membership(&hash, user),
            api::reach_of_device(&hash),
        ],
    )
    .await?;
    let found = device_code::read_with_client(&found)?;
    let Some((code, client)) =
        found.filter(|(c, client)| c.is_of(user) && c.expires_at > cx.now && !client.is_pending)
    else {
        return Ok(None);
    };
    Ok(Some(Asked {
        code,
        client,
        consent: consent::read(&given)?,
        is_member: !member.is_empty(),
        reach: api::read_reach(&reach)?,
        user_code_hash: hash,
    }))
}

impl Asked {
    /// The scope asked for.
    #[must_use]
    pub fn scope(&self) -> Scope {
        // Only parsed scopes are stored.
        Scope::parse(&self.code.scope).unwrap_or_default()
    }

    /// Whether the person may use the client.
    ///
    /// # Errors
    /// [`Refusal::NotInAllowedGroups`].
    pub const fn check_group(&self) -> Result<(), Refusal> {
        if self.client.is_group_restricted && !self.is_member {
            Err(Refusal::NotInAllowedGroups)
        } else {
            Ok(())
        }
    }

    /// The consent once the person has allowed this: it never shrinks. It names no host, since nothing is sent to
    /// one, so it covers no later request in a browser.
    #[must_use]
    pub fn merged_consent(&self) -> Consent {
        let mut all = self.consent.clone().unwrap_or_default();
        for key in consent_keys(&self.scope(), self.code.resource.as_deref()) {
            if !all.scope.contains(&key) {
                all.scope.push(key);
            }
        }
        all
    }
}

/// Gives the decision to this person, together with `more`.
///
/// # Errors
/// `lost` if somebody else has it by now, or a fault.
pub async fn claim(cx: &Cx, who: &Who, asked: &Asked, lost: impl Into<Failure>) -> Result<(), Failure> {
    let mut stmts = vec![device_code::claim(&asked.user_code_hash, &who.user.id, cx.now)];
    stmts.extend(uncounted(cx, who));
    save(&*cx.host.db, stmts).await.map_err(|e| Failure::or_if_lost(e, lost))
}

/// Allows it: grant, consent and the answer to the device are one batch, and `more` goes with them.
///
/// # Errors
/// `lost` if it was decided meanwhile, or the session, the client or the person is gone; or a fault.
pub async fn approve(
    cx: &Cx,
    req: &Req,
    who: &Who,
    asked: &Asked,
    more: Vec<Stmt>,
    lost: impl Into<Failure>,
) -> Result<(), Failure> {
    let (code, app) = (&asked.code, &asked.client);
    let grant = Grant {
        id: cx.host.uuid()?,
        kind: Kind::DeviceCode,
        client_id: app.id.clone(),
        user_id: Some(who.user.id.clone()),
        session_id: Some(who.session.id.clone()),
        scope: code.scope.clone(),
        resource: code.resource.clone(),
        claims: None,
        auth_time: who.session.auth_time,
        amr: who.session.amr.clone(),
        acr: who.session.acr.map(|acr| acr.as_str().to_owned()),
        nonce: code.nonce.clone(),
        dpop_jkt: None,
        actor: None,
        revoked_at: None,
    };
    let consent = asked.merged_consent();
    let is_new = asked.consent.as_ref() != Some(&consent);
    let event = if is_new { Event::NewDeviceCodeAuthorization } else { Event::DeviceCodeAuthorization };
    let data = json!({ "clientName": app.name });
    let until = cx.now.plus(cx.host.settings.session_duration_s);
    let hash = &asked.user_code_hash;
    let mut stmts = vec![
        // Before its owner: the row names the grant.
        grant.insert(cx.now, code.expires_at),
        device_code::approve(hash, &who.user.id, &who.session.id, &grant.id, cx.now),
        // The session must still live when the grant appears, or signing out would miss it.
        session::touch(&who.session.id, cx.now, until).one(),
        consent::put(&who.user.id, &app.id, &consent, cx.now),
        audit::record(event, Some(&who.user.id), Some(&app.id), &data, cx, req)?,
    ];
    stmts.extend(more);
    match save(&*cx.host.db, stmts).await {
        Ok(()) => Ok(()),
        Err(DbError::Lost | DbError::Constraint(_)) => Err(lost.into()),
        Err(error) => Err(Fault::from(error).into()),
    }
}

/// Denies it.
///
/// # Errors
/// `lost` if it was decided meanwhile, or a fault.
pub async fn deny(cx: &Cx, who: &Who, asked: &Asked, lost: impl Into<Failure>) -> Result<(), Failure> {
    let deny = device_code::deny(&asked.user_code_hash, &who.user.id, cx.now);
    cx.host.db.query(deny).await.map(drop).map_err(|e| Failure::or_if_lost(e, lost))
}
