import assert from 'node:assert/strict'
import * as oc from 'openid-client'
import { assertOAuthError, basic, createClient, decodeJwt, getTokens, refresh, setupAdmin, signIn, type Client, type Person } from '../harness/flows.ts'
import { form, type Answer } from '../harness/http.ts'
import { subject, test } from '../harness/test.ts'

const op = subject()
let admin: Person
let client: Client
let other: Client

const fresh = async () => ({ browser: await signIn(op, admin.authenticator), authenticator: admin.authenticator })

function introspect(authorization: string | undefined, fields: Record<string, string>, accept?: string): Promise<Answer> {
  return op.send({
    method: 'POST',
    path: '/api/oidc/introspect',
    headers: { 'content-type': 'application/x-www-form-urlencoded', authorization, accept },
    body: form(fields),
  })
}

const by = (c: Client) => basic(c.id, c.secret!)

test('s22 what is told of an access token and of a refresh token', async () => {
  admin = await setupAdmin(op)
  client = await createClient(admin.browser, { skipConsent: true })
  other = await createClient(admin.browser, { skipConsent: true })
  const id = (await admin.browser.json('GET', '/api/users/me')).json().id
  const tokens = await getTokens(op, await fresh(), client)
  const access = decodeJwt(tokens.access_token).payload
  const answer = await introspect(by(client), { token: tokens.access_token })
  assert.equal(answer.header('cache-control'), 'no-store')
  assert.deepEqual(answer.json(), {
    active: true, iss: op.url, sub: id, username: 'ada', client_id: client.id, aud: access.aud, scope: 'openid profile email',
    token_type: 'Bearer', jti: access.jti, iat: access.iat, exp: access.exp, acr: 'phr', auth_time: access.auth_time,
  })
  const told = (await introspect(by(client), { token: tokens.refresh_token, token_type_hint: 'made_up' })).json()
  assert.equal(told.active, true)
  assert.equal(told.sub, id)
  assert.equal(told.scope, 'openid profile email')
})

test('s22 callers: Basic, form, an access token of their own; nobody else', async () => {
  const one = await getTokens(op, await fresh(), client)
  const two = await getTokens(op, await fresh(), client)
  const token = two.access_token
  assert.equal((await introspect(by(client), { token })).json().active, true)
  assert.equal((await introspect(undefined, { token, client_id: client.id, client_secret: client.secret! })).json().active, true)
  assert.equal((await introspect(`Bearer ${one.access_token}`, { token })).json().active, true)
  assertOAuthError(await introspect(undefined, { token }), 401, 'invalid_client')
  assertOAuthError(await introspect(basic(client.id, 'wrong'), { token }), 401, 'invalid_client')
  assertOAuthError(await introspect(`Bearer ${token}`, { token }), 401, 'invalid_token')
  const open = await createClient(admin.browser, { isPublic: true, skipConsent: true })
  assertOAuthError(await introspect(undefined, { token, client_id: open.id }), 401, 'invalid_client')
  const theirs = await getTokens(op, await fresh(), open)
  assertOAuthError(await introspect(`Bearer ${theirs.access_token}`, { token }), 401, 'invalid_client')
})

test('s22 not active: of another client, used, revoked, signed out, expired, or no such token', async () => {
  const inactive = async (token: string, as = client) => assert.deepEqual((await introspect(by(as), { token })).json(), { active: false })
  const person = await fresh()
  const tokens = await getTokens(op, person, client)
  for (const token of [tokens.access_token, tokens.refresh_token]) await inactive(token, other)
  for (const token of ['x', 'a.b.c', tokens.id_token]) await inactive(token)
  const next = (await refresh(op, client, tokens.refresh_token)).json()
  await inactive(tokens.refresh_token)
  await op.send({ method: 'POST', path: '/api/oidc/revoke', headers: { 'content-type': 'application/x-www-form-urlencoded', authorization: by(client) }, body: form({ token: next.access_token }) })
  await inactive(next.access_token)
  assert.equal((await introspect(by(client), { token: next.refresh_token })).json().active, true)
  await person.browser.post('/logout', {})
  for (const token of [tokens.access_token, next.refresh_token]) await inactive(token)
  const last = await getTokens(op, await fresh(), client)
  await op.advance(3601)
  await inactive(last.access_token)
})

test('signed answers where they are asked for', async () => {
  const tokens = await getTokens(op, await fresh(), client)
  const answer = await introspect(by(client), { token: tokens.access_token }, 'application/token-introspection+jwt')
  assert.equal(answer.header('content-type'), 'application/token-introspection+jwt')
  const { header, payload } = decodeJwt(answer.text)
  assert.equal(header.typ, 'token-introspection+jwt')
  assert.equal(payload.aud, client.id)
  assert.equal(payload.token_introspection.active, true)
})

test('openid-client introspects, also with a signed answer', async () => {
  const tokens = await getTokens(op, await fresh(), client)
  for (const metadata of [{}, { introspection_signed_response_alg: 'RS256' }]) {
    const config = await oc.discovery(new URL(op.url), client.id, metadata, oc.ClientSecretBasic(client.secret!), { execute: [oc.allowInsecureRequests] })
    assert.equal((await oc.tokenIntrospection(config, tokens.access_token)).active, true)
  }
})
