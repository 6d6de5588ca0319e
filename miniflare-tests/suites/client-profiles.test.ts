// Signs in as each app of docs/integrations/profiles.json would, by its own habits.
import assert from 'node:assert/strict'
import crypto from 'node:crypto'
import { Browser } from '../harness/browser.ts'
import {
  authorize, authorizePath, basic, createClient, decodeJwt, delivered, request, setupAdmin, signedIn, signIn, token,
  type Client, type Person,
} from '../harness/flows.ts'
import { form, type Answer, type Headers } from '../harness/http.ts'
import { PROFILES, type ClientProfile, type Profile, type TokenAuth } from '../harness/profiles.ts'
import { subject, test } from '../harness/test.ts'

const op = subject()
let admin: Person
/** What every app may be told, by scope. */
let known: Record<string, Record<string, unknown>>
let keys: (crypto.JsonWebKey & { kid: string; alg: string })[]

/** Everything that Basic authentication and forms have a meaning of their own for. */
const SPECIAL = `s:3% +&=r/"c'<t>?#@\\~`

test('the table has 46 apps and 4 proxies, and says of each what is not confirmed', async () => {
  assert.equal(PROFILES.filter((p) => p.kind === 'app').length, 46)
  assert.equal(PROFILES.filter((p) => p.kind === 'proxy').length, 4)
  assert.equal(new Set(PROFILES.map((p) => p.id)).size, 50)
  for (const p of PROFILES) for (const field of p.unconfirmed) assert.ok(field in p, `${p.id}: ${field}`)
})

test('set-up: a person with groups, a verified address and custom claims', async () => {
  admin = await setupAdmin(op)
  const { id } = (await admin.browser.json('GET', '/api/users/me')).json()
  await op.sql(`UPDATE users SET email_verified = 1 WHERE id = '${id}'`)
  await op.sql(`INSERT INTO user_groups (id, name, friendly_name, created_at, updated_at) VALUES ('g1', 'staff', 'Staff', 1, 1)`)
  await op.sql(`INSERT INTO user_group_members (user_id, group_id) VALUES ('${id}', 'g1')`)
  const custom: Record<string, unknown> = {}
  for (const [name, value] of PROFILES.flatMap((p) => Object.entries(p.customClaims))) {
    await op.sql(`INSERT INTO custom_claims (id, group_id, name, value) VALUES ('c-${name}', 'g1', '${name}', '${value}')`)
    custom[name] = /^[[{]/.test(value) ? JSON.parse(value) : value
  }
  known = {
    openid: { sub: id },
    profile: {
      given_name: 'Ada', family_name: 'Lovelace', name: 'Ada Lovelace', preferred_username: 'ada', display_name: 'Ada Lovelace',
      picture: `${op.url}/api/users/${id}/profile-picture.png`, ...custom,
    },
    email: { email: 'ada@example.com', email_verified: true },
    groups: { groups: ['staff'] },
    offline_access: {},
  }
  keys = (await op.send({ path: '/.well-known/jwks.json' })).json().keys
})

/** Registers the app's client as its page tells the admin to. */
async function register(name: string, profile: ClientProfile): Promise<Client> {
  const confirmed = !profile.unconfirmed.includes('pkce')
  const made = await createClient(admin.browser, {
    name: name.slice(0, 50),
    callbackURLs: profile.callbacks,
    logoutCallbackURLs: profile.logoutCallbacks,
    isPublic: profile.public,
    pkceEnabled: profile.pkce === 'S256' && confirmed,
    ...(profile.clientId ? { id: profile.clientId } : {}),
    ...(profile.backchannelLogout ? { metadata: { backchannel_logout_uri: profile.backchannelLogout } } : {}),
  })
  if (profile.clientId) assert.equal(made.id, profile.clientId)
  if (profile.public || profile.secretEncoding === 'raw') return made
  const answer = await admin.browser.json('POST', `/api/oidc/clients/${made.id}/secrets`, { secret: SPECIAL })
  assert.equal(answer.status, 201, answer.text)
  return { ...made, secret: SPECIAL }
}

/** Authenticates as the app does: header and fields. */
function credentials(profile: ClientProfile, client: Client, way: TokenAuth): { headers: Headers; fields: Record<string, string> } {
  if (way === 'none') return { headers: {}, fields: { client_id: client.id } }
  if (way === 'client_secret_post') return { headers: {}, fields: { client_id: client.id, client_secret: client.secret! } }
  const raw = `Basic ${Buffer.from(`${client.id}:${client.secret}`).toString('base64')}`
  return { headers: { authorization: profile.secretEncoding === 'raw' ? raw : basic(client.id, client.secret!) }, fields: {} }
}

function askUserinfo(profile: ClientProfile, accessToken: string, headers: Headers): Promise<Answer> {
  const path = '/api/oidc/userinfo'
  const bearer = { authorization: `Bearer ${accessToken}`, ...headers }
  if (profile.userinfoBy === 'GET') return op.send({ path, headers: bearer })
  if (profile.userinfoBy === 'POST') return op.send({ method: 'POST', path, headers: bearer })
  const type = { 'content-type': 'application/x-www-form-urlencoded', ...headers }
  return op.send({ method: 'POST', path, headers: type, body: form({ access_token: accessToken }) })
}

/** Header and claims of an ID token whose signature holds. */
function verified(idToken: string): { header: any; payload: any } {
  const jwt = decodeJwt(idToken)
  const key = keys.find((k) => k.kid === jwt.header.kid)
  assert.ok(key, 'the key is published')
  const signed = Buffer.from(idToken.slice(0, idToken.lastIndexOf('.')))
  assert.ok(crypto.verify('RSA-SHA256', signed, crypto.createPublicKey({ key, format: 'jwk' }), Buffer.from(jwt.signature, 'base64url')))
  return jwt
}

const subset = (all: Record<string, unknown>, names: string[]) => Object.fromEntries(names.map((name) => [name, all[name]]))

/** One sign-in with one redirect URI and one way of authenticating; gives the ID token. */
async function signInAs(profile: ClientProfile, client: Client, redirectUri: string, way: TokenAuth): Promise<string> {
  const asked = request(client, {
    redirect_uri: redirectUri,
    scope: profile.scopes,
    response_mode: profile.responseMode ?? undefined,
    ...(profile.state ? {} : { state: undefined }),
    ...(profile.nonce ? {} : { nonce: undefined }),
    ...(profile.pkce === 'S256' ? {} : { code_challenge: undefined, code_challenge_method: undefined }),
    ...profile.authorizeExtra,
  })
  const away = await authorize(admin.browser, asked.params, { authenticator: admin.authenticator })
  const back = delivered(away, redirectUri, profile.responseMode ?? 'query')
  assert.equal(back.error, undefined, back.error_description)
  assert.equal(back.state, profile.state ? asked.state : undefined)
  assert.equal(back.iss, op.url)
  const who = credentials(profile, client, way)
  const headers: Headers = profile.browserApp ? { ...who.headers, origin: new URL(redirectUri).origin } : who.headers
  const answer = await token(op, undefined, {
    grant_type: 'authorization_code',
    code: back.code,
    redirect_uri: redirectUri,
    code_verifier: profile.pkce === 'S256' ? asked.verifier : undefined,
    ...who.fields,
    ...profile.tokenExtra,
  }, headers)
  assert.equal(answer.status, 200, answer.text)
  const tokens = answer.json()
  assert.equal(tokens.token_type, 'Bearer')
  const scopes = profile.scopes.split(' ').filter((s) => s in known)
  assert.deepEqual(tokens.scope.split(' ').sort(), [...scopes].sort(), 'scopes that exist, and no others')

  const { header, payload } = verified(tokens.id_token)
  assert.equal(header.alg, profile.idTokenAlg)
  assert.equal(payload.iss, op.url)
  assert.ok([payload.aud].flat().includes(client.id))
  assert.equal(payload.nonce, profile.nonce ? asked.nonce : undefined)
  const told = Object.assign({}, ...scopes.map((s) => known[s])) as Record<string, unknown>
  const all = Object.keys(told)
  const info = await askUserinfo(profile, tokens.access_token, profile.browserApp ? { origin: new URL(redirectUri).origin } : {})
  assert.equal(info.status, 200, info.text)
  for (const [from, claims] of [['id_token', payload], ['userinfo', info.json()]] as const) {
    if (!profile.claims.from.includes(from)) continue
    assert.deepEqual(subset(claims, all), told, from)
    for (const name of profile.claims.needs) assert.ok(name in claims, `${name} in ${from}`)
    for (const name of Object.values(known).flatMap(Object.keys)) assert.equal(name in claims, name in told, `${name} in ${from}`)
  }
  if (profile.browserApp) {
    for (const one of [answer, info]) assert.ok(['*', new URL(redirectUri).origin].includes(one.header('access-control-allow-origin') ?? ''))
  }
  if (profile.refresh) {
    const again = await token(op, undefined, { grant_type: 'refresh_token', refresh_token: tokens.refresh_token, ...who.fields }, who.headers)
    assert.equal(again.status, 200, again.text)
    assert.equal(verified(again.json().id_token).payload.sub, payload.sub)
    return again.json().id_token
  }
  return tokens.id_token
}

/** The app signs the person out in its way. */
async function signOutAs(profile: ClientProfile, idToken: string): Promise<void> {
  const browser = admin.browser
  if (profile.logout === 'none') return
  if (profile.logout === 'bare') {
    const answer = await browser.get('/api/oidc/end-session')
    assert.equal(answer.status, 303)
    assert.equal(new URL(answer.location, op.url).pathname, '/logout', 'without a hint the person is asked')
    assert.equal(await signedIn(browser), true)
    return
  }
  const to = profile.logoutCallbacks[0]!
  const answer = await browser.get(`/api/oidc/end-session?${form({ id_token_hint: idToken, post_logout_redirect_uri: to, state: 'bye' })}`)
  assert.equal(answer.location, `${new URL(to).href}?state=bye`)
  assert.equal(await signedIn(browser), false)
  admin.browser = await signIn(op, admin.authenticator, new Browser(op))
}

/** An exact callback with its last slash added or taken away is another address. */
async function slashCounts(client: Client, callback: string): Promise<void> {
  const url = new URL(callback)
  if (callback.includes('*') || !/^https?:$/.test(url.protocol) || url.pathname === '/') return
  const other = callback.endsWith('/') ? callback.slice(0, -1) : `${callback}/`
  const answer = await admin.browser.get(authorizePath(request({ ...client, redirectUri: other }).params))
  assert.equal(answer.status, 400, other)
}

async function plays(app: Profile, profile: ClientProfile): Promise<void> {
  const client = await register(app.name, profile)
  let idToken = ''
  const turns = Math.max(profile.sends.length, profile.tokenAuth.length)
  for (let i = 0; i < turns; i++) {
    const redirectUri = profile.sends[i % profile.sends.length]!
    idToken = await signInAs(profile, client, redirectUri, profile.tokenAuth[i % profile.tokenAuth.length]!)
  }
  for (const callback of profile.callbacks) await slashCounts(client, callback)
  await signOutAs(profile, idToken)
}

for (const app of PROFILES) {
  test(`client profile: ${app.name}`, async () => {
    for (const profile of app.clients) await plays(app, profile)
  })
}
