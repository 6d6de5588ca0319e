//! `GET` and `POST /authorize` (RFC 6749 §3.1, OpenID Connect Core §3.1.2).

use super::{cimd, frame, grant, own_token, page_error, query_and_body, request, response, with_cookies};
use crate::db::{Rows, Stmt};
use crate::decide::authorize::{self, CheckedAsk, KnownClient};
use crate::decide::prompt::{self, Account, Facts, Next};
use crate::decide::request_source::{self, Way};
use crate::decide::resource::{self, Reach, SubjectType};
use crate::failure::{Failure, Fault};
use crate::http::{self, Cx, Req, Resp, respond};
use crate::keyring;
use crate::login::sign_up;
use crate::pages::{self, Detail, DetailLabel, ErrorKind, Frame};
use crate::ports::DbError;
use crate::refusal::Refusal;
use crate::store::api;
use crate::store::client::{self, Client};
use crate::store::consent::{self, Consent};
use crate::store::interaction::{self, Interaction};
use crate::store::pushed_request::{self, PushedRequest};
use crate::store::session::{self, Who};
use crate::store::{load, save};
use crate::subject;
use ::http::{Method, StatusCode};
use proto::form::Params;
use proto::jose::jwt::{Expiry, TokenType};

/// A request with what is known about who asks: the input of the next step.
pub struct Standing {
    /// The request.
    pub ask: CheckedAsk,
    /// The client.
    pub client: Client,
    /// Who is signed in.
    pub who: Option<Who>,
    /// The `sub` that the client knows that person by.
    pub subject: Option<String>,
    /// Everybody who is signed in in this browser.
    pub accounts: Vec<Account>,
    /// Whether that person is in a group that the client allows.
    pub is_member: bool,
    /// What that person agreed to before.
    pub consent: Option<Consent>,
    /// The interaction that the request waits in.
    pub interaction: Option<Interaction>,
    /// What the client may ask for at APIs.
    pub reach: Reach,
    /// What has to be saved first, so that a signed request counts once.
    pub once: Option<Stmt>,
}

impl Standing {
    /// The next step; a disabled account gets none.
    ///
    /// # Errors
    /// The refusal to show, or the page for a disabled account.
    pub fn next(&self, cx: &Cx) -> Result<Next, Failure> {
        if self.who.as_ref().is_some_and(|w| w.user.disabled) {
            return Err(ErrorKind::Forbidden.into());
        }
        Ok(prompt::next(&self.facts(cx))?)
    }

    /// What the next step is decided by.
    #[must_use]
    pub fn facts(&self, cx: &Cx) -> Facts<'_> {
        Facts {
            ask: &self.ask,
            client: &self.client,
            who: self.who.as_ref(),
            subject: self.subject.as_deref(),
            accounts: &self.accounts,
            is_member: self.is_member,
            consent: self.consent.as_ref(),
            interaction: self.interaction.as_ref(),
            can_sign_up: sign_up::is_open(cx),
            now: cx.now,
        }
    }

    /// What the pages of this request have around their content: in the language that the app prefers, if it is one
    /// of ours (`ui_locales`).
    #[must_use]
    pub fn frame<'a>(&self, cx: &'a Cx, req: &'a Req) -> Frame<'a> {
        let usual = frame(cx, req);
        let preferred = self.ask.ui_locales.as_deref().and_then(pages::preferred);
        Frame { messages: preferred.unwrap_or(usual.messages), ..usual }
    }

    /// The client side of the request.
    #[must_use]
    pub fn known(&self) -> KnownClient {
        self.ask.known(self.client.clone())
    }
}

/// The endpoint.
///
/// # Errors
/// What has to be shown as a page: until client and callback are proven, nothing is redirected.
pub async fn handle(cx: Cx, req: Req) -> Result<Resp, Failure> {
    let params = query_and_body(&req)?;
    if let Some(again) = with_cookies(&cx, &req, &params) {
        return Ok(again);
    }
    let id = params.get("interaction");
    let client_id = params.get("client_id");
    if id.is_none() && client_id.is_none() {
        return Err(Refusal::ClientIdMissing.into());
    }
    // RFC 9110 §9.3.2: HEAD is asked by previews and scanners; it must use nothing up and grant nothing.
    if req.method == Method::HEAD {
        return Ok(respond::empty(StatusCode::NO_CONTENT));
    }
    if let Some(id) = id {
        return resume(&cx, &req, id).await;
    }
    begin(&cx, &req, &params, client_id.unwrap_or("")).await
}

/// Takes a request that has just come.
async fn begin(cx: &Cx, req: &Req, sent: &Params, client_id: &str) -> Result<Resp, Failure> {
    let way = request_source::way(sent);
    cimd::resolve(cx, client_id).await?;
    let found = find(cx, req, client_id, way).await?;
    let Some(client) = found.client else {
        return Ok(refuse(cx, req, Refusal::ClientUnknown, sent, None, found.who.as_ref()));
    };
    let asked = match request::open(cx, &client, sent, way, found.pushed).await {
        Ok(asked) => asked,
        Err(Failure::Refused(refusal)) => {
            // What was sent beside it does not count, but may name an address of the client to report to.
            let known = authorize::known_client(sent, Some(client.clone()), request::policy(cx));
            return match known.ok().filter(|_| sent.get("redirect_uri").is_some()) {
                Some(known) => response::send_error(cx, req, &known, refusal).await,
                None => Ok(refuse(cx, req, refusal, sent, Some(&client), found.who.as_ref())),
            };
        }
        Err(failure) => return Err(failure),
    };
    let params = &asked.params;
    let known = match authorize::known_client(params, Some(client.clone()), request::policy(cx)) {
        Ok(known) => known.came_by(asked.source),
        Err(refusal) => return Ok(refuse(cx, req, refusal, params, Some(&client), found.who.as_ref())),
    };
    let ask = match checked(cx, params, &known, &found.reach).await {
        Ok(ask) => ask,
        Err(Failure::Refused(refusal)) => return response::send_error(cx, req, &known, refusal).await,
        Err(failure) => return Err(failure),
    };
    let standing = Standing {
        ask,
        subject: subject_of(cx, &known.client, found.who.as_ref()).await?,
        accounts: accounts_of(cx, &known.client, &found.accounts).await?,
        client: known.client,
        who: found.who,
        is_member: found.is_member,
        consent: found.consent,
        interaction: None,
        reach: found.reach,
        once: asked.once,
    };
    go_on(cx, req, standing).await
}

/// Checks the request of a known client, the ID token it brings included.
///
/// # Errors
/// The first rule that is broken, or a fault.
pub async fn checked(
    cx: &Cx,
    params: &Params,
    known: &KnownClient,
    reach: &Reach,
) -> Result<CheckedAsk, Failure> {
    let mut ask = authorize::check(params, known, reach)?;
    if let Some(hint) = params.get("id_token_hint") {
        ask.hint_sub = Some(hinted_subject(cx, hint).await?.ok_or(Refusal::IdTokenHintInvalid)?);
    }
    Ok(ask)
}

/// What is known when a request comes.
struct Found {
    client: Option<Client>,
    who: Option<Who>,
    is_member: bool,
    consent: Option<Consent>,
    reach: Reach,
    accounts: Rows,
    pushed: Option<PushedRequest>,
}

/// Loads it. A pushed request is taken out by the same batch: it is used by being asked for, whatever becomes of it.
async fn find(cx: &Cx, req: &Req, client_id: &str, way: Result<Way<'_>, Refusal>) -> Result<Found, Failure> {
    let hash = http::session_hash(cx, req);
    let accounts = http::accounts_hash(cx, req);
    let mut stmts = vec![
        client::by_id(client_id),
        session::live(hash.as_deref(), cx.now),
        interaction::membership_of_client(client_id, hash.as_deref()),
        consent::of_session(hash.as_deref(), client_id),
        // The request may not be open yet; an API out of reach and one that is not there are one answer.
        api::reach(client_id, SubjectType::User, None),
        session::of_browser(accounts.as_deref(), cx.now),
    ];
    if let Ok(Way::Pushed(urn)) = way {
        stmts.push(pushed_request::take(urn, client_id, cx.now));
    }
    let rows = cx.host.db.batch(stmts).await?;
    let [client, who, member, given, reach, accounts, pushed @ ..] = rows.as_slice() else {
        return Err(Fault::Bug("batch gave another number of results").into());
    };
    Ok(Found {
        client: Client::from_rows(client)?,
        who: Who::from_rows(who)?,
        is_member: !member.is_empty(),
        consent: consent::read(given)?,
        reach: api::read_reach(reach)?,
        accounts: accounts.clone(),
        pushed: pushed.first().map(pushed_request::read).transpose()?.flatten(),
    })
}

/// Goes on with a request after the person did something.
async fn resume(cx: &Cx, req: &Req, id: &str) -> Result<Resp, Failure> {
    let standing = interaction_standing(cx, req, id).await?;
    // The person may have taken an hour; what the client may ask for can be less by now.
    let asked = (&standing.ask.scope(), standing.ask.resource.as_deref());
    if resource::still_granted(asked.0, asked.1, &standing.reach).is_err() {
        return response::send_error(cx, req, &standing.known(), Refusal::ResourceOrScopeInvalid).await;
    }
    go_on(cx, req, standing).await
}

/// Loads an interaction with all that decides its next step.
///
/// # Errors
/// The page for an interaction that is gone or belongs to another browser, or whose address is no longer registered.
pub async fn interaction_standing(cx: &Cx, req: &Req, id: &str) -> Result<Standing, Failure> {
    let browser = http::browser(cx, req)?;
    let hash = http::session_hash(cx, req);
    let accounts = http::accounts_hash(cx, req);
    let [found, who, accounts, member, given, reach] = load(
        &*cx.host.db,
        [
            interaction::with_client(id, cx.now),
            session::live(hash.as_deref(), cx.now),
            session::of_browser(accounts.as_deref(), cx.now),
            interaction::membership(id, hash.as_deref()),
            interaction::consent(id, hash.as_deref()),
            api::reach_of_interaction(id),
        ],
    )
    .await?;
    let (interaction, client) = interaction::read_with_client(&found)?.ok_or(ErrorKind::Interaction)?;
    if client.is_pending {
        return Err(Refusal::ClientPending.into());
    }
    if !proto::secret::ct_eq(interaction.browser_hash.as_bytes(), browser.hash.as_bytes()) {
        return Err(ErrorKind::Interaction.into());
    }
    let ask = serde_json::from_str(&interaction.request)
        .map_err(|_| Fault::Bug("a stored request does not parse"))?;
    authorize::still_registered(&ask, &client)?;
    let who = Who::from_rows(&who)?;
    Ok(Standing {
        ask,
        subject: subject_of(cx, &client, who.as_ref()).await?,
        accounts: accounts_of(cx, &client, &accounts).await?,
        client,
        who,
        is_member: !member.is_empty(),
        consent: consent::read(&given)?,
        interaction: Some(interaction),
        reach: api::read_reach(&reach)?,
        once: None,
    })
}

async fn subject_of(cx: &Cx, client: &Client, who: Option<&Who>) -> Result<Option<String>, Failure> {
    match who {
        Some(who) => Ok(Some(subject::of(&cx.host, client, &who.user.id).await?)),
        None => Ok(None),
    }
}

async fn accounts_of(cx: &Cx, client: &Client, rows: &Rows) -> Result<Vec<Account>, Failure> {
    let mut accounts = Vec::new();
    for who in Who::all_from_rows(rows)? {
        let subject = subject::of(&cx.host, client, &who.user.id).await?;
        accounts.push(Account { who, subject });
    }
    Ok(accounts)
}

async fn go_on(cx: &Cx, req: &Req, standing: Standing) -> Result<Resp, Failure> {
    let next = match standing.next(cx) {
        Ok(next) => next,
        Err(failure) if authorize::is_silent(&standing.ask) => match failure {
            Failure::Refused(refusal) => {
                return response::send_error(cx, req, &standing.known(), refusal).await;
            }
            _ => return response::send_error(cx, req, &standing.known(), Refusal::LoginRequired).await,
        },
        Err(failure) => return Err(failure),
    };
    if let Some(who) = standing.who.as_ref().filter(|_| next == Next::Grant) {
        return grant::issue_code(cx, req, &standing, who).await;
    }
    if let Some(refusal) = prompt::silent_refusal(next).filter(|_| authorize::is_silent(&standing.ask)) {
        return response::send_error(cx, req, &standing.known(), refusal).await;
    }
    if let Next::Refuse(refusal) = next {
        if let Some(waiting) = &standing.interaction {
            let ended = cx.host.db.query(interaction::finish(&waiting.id)).await;
            ended.map_err(|e| Failure::or_if_lost(e, ErrorKind::Interaction))?;
        }
        return response::send_error(cx, req, &standing.known(), refusal).await;
    }
    match &standing.interaction {
        Some(interaction) => Ok(ask_person(&interaction.id)),
        None => wait(cx, req, &standing).await,
    }
}

fn ask_person(interaction_id: &str) -> Resp {
    respond::see_other(&format!("/interaction?interaction={interaction_id}"))
}

/// Stores the request, bound to this browser, until the person has done what is asked.
async fn wait(cx: &Cx, req: &Req, standing: &Standing) -> Result<Resp, Failure> {
    let browser = http::browser(cx, req)?;
    let interaction = Interaction {
        id: cx.host.random_token()?,
        browser_hash: browser.hash.clone(),
        request: serde_json::to_string(&standing.ask)
            .map_err(|_| Fault::Bug("a request cannot be stored"))?,
        user_id: None,
        authenticated_user_id: None,
        account_selected_at: None,
        consented_at: None,
        created_at: cx.now,
    };
    let mut stmts: Vec<Stmt> = standing.once.iter().cloned().collect();
    stmts.push(interaction::insert(&interaction, &standing.client.id));
    match save(&*cx.host.db, stmts).await {
        Ok(()) => {}
        Err(DbError::Lost) => {
            return response::send_error(cx, req, &standing.known(), Refusal::RequestObjectReplayed).await;
        }
        Err(error) => return Err(error.into()),
    }
    let mut resp = ask_person(&interaction.id);
    browser.remember(cx, resp.headers_mut());
    Ok(resp)
}

/// The subject of an ID token of ours, which may have expired (OpenID Connect Core §3.1.2.1).
async fn hinted_subject(cx: &Cx, hint: &str) -> Result<Option<String>, Failure> {
    let claims = keyring::verify(&cx.host, cx.now, TokenType::IdToken, hint).await?;
    let ours = claims.filter(|c| c.check(&own_token(cx, Expiry::Ignored)).is_ok());
    Ok(ours.and_then(|c| c.text("sub").map(str::to_owned)))
}

/// The page for a client or callback that is not proven. A signed-in admin sees what to mend.
fn refuse(
    cx: &Cx,
    req: &Req,
    refusal: Refusal,
    params: &Params,
    client: Option<&Client>,
    who: Option<&Who>,
) -> Resp {
    tracing::info!(request_id = cx.request_id, refusal = ?refusal, "authorization request refused");
    let mut details = vec![Detail { label: DetailLabel::Reason, value: refusal.public().1 }];
    let registered = client.map(|c| c.callback_urls.join("\n")).unwrap_or_default();
    if who.is_some_and(|w| w.user.is_admin && !w.user.disabled) {
        if let Some(id) = params.get("client_id") {
            details.push(Detail { label: DetailLabel::Client, value: client.map_or(id, |c| &c.name) });
        }
        if client.is_some() {
            details.push(Detail {
                label: DetailLabel::Arrived,
                value: params.get("redirect_uri").unwrap_or(""),
            });
            details.push(Detail { label: DetailLabel::Registered, value: &registered });
            details.push(Detail {
                label: DetailLabel::ChangeAt,
                value: "PUT /api/oidc/clients/{id}: callbackURLs",
            });
        }
    }
    page_error::with_details(cx, req, page_error::kind_of(refusal), details)
}
