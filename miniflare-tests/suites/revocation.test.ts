import assert from 'node:assert/strict'
import * as oc from 'openid-client'
import { assertOAuthError, basic, createClient, getTokens, refresh, setupAdmin, signIn, userinfo, type Client, type Person } from '../harness/flows.ts'
import { form, type Answer } from '../harness/http.ts'
import { subject, test } from '../harness/test.ts'

const op = subject()
let admin: Person
let client: Client
let other: Client

const fresh = async () => ({ browser: await signIn(op, admin.authenticator), authenticator: admin.authenticator })

function revoke(by: Client, fields: Record<string, string>): Promise<Answer> {
  const headers: Record<string, string> = { 'content-type': 'application/x-www-form-urlencoded' }
  if (by.secret) headers.authorization = basic(by.id, by.secret)
  return op.send({ method: 'POST', path: '/api/oidc/revoke', headers, body: form(by.secret ? fields : { client_id: by.id, ...fields }) })
}

test('s22 a revoked refresh token takes its whole grant along', async () => {
  admin = await setupAdmin(op)
  client = await createClient(admin.browser, { skipConsent: true })
  other = await createClient(admin.browser, { skipConsent: true })
  const first = await getTokens(op, await fresh(), client)
  const second = (await refresh(op, client, first.refresh_token)).json()
  const answer = await revoke(client, { token: first.refresh_token, token_type_hint: 'refresh_token' })
  assert.equal(answer.status, 200, answer.text)
  assert.equal(answer.text, '')
  assertOAuthError(await refresh(op, client, second.refresh_token), 400, 'invalid_grant')
  for (const t of [first, second]) assert.equal((await userinfo(op, t.access_token)).status, 401)
})

test('s22 a revoked access token ends alone, whatever the hint says', async () => {
  for (const hint of ['access_token', 'refresh_token', 'made_up']) {
    const tokens = await getTokens(op, await fresh(), client)
    assert.equal((await revoke(client, { token: tokens.access_token, token_type_hint: hint })).status, 200)
    assert.equal((await userinfo(op, tokens.access_token)).status, 401, hint)
    assert.equal((await refresh(op, client, tokens.refresh_token)).status, 200, hint)
  }
})

test('s22 tokens of another client and unknown ones are answered alike and stay', async () => {
  const tokens = await getTokens(op, await fresh(), client)
  for (const token of [tokens.access_token, tokens.refresh_token, 'x', 'a.b.c']) assert.equal((await revoke(other, { token })).status, 200)
  assert.equal((await userinfo(op, tokens.access_token)).status, 200)
  assertOAuthError(await revoke({ ...client, secret: 'wrong' }, { token: tokens.refresh_token }), 401, 'invalid_client')
  assert.equal((await userinfo(op, tokens.access_token)).status, 200)
  assertOAuthError(await revoke(client, {}), 400, 'invalid_request')
  assertOAuthError(await revoke(client, { token: tokens.id_token }), 400, 'unsupported_token_type')
})

test('openid-client revokes tokens, also for a public client', async () => {
  for (const c of [client, await createClient(admin.browser, { isPublic: true, skipConsent: true })]) {
    const config = await oc.discovery(new URL(op.url), c.id, undefined, c.secret ? oc.ClientSecretBasic(c.secret) : oc.None(), { execute: [oc.allowInsecureRequests] })
    const tokens = await getTokens(op, await fresh(), c)
    await oc.tokenRevocation(config, tokens.refresh_token)
    assertOAuthError(await refresh(op, c, tokens.refresh_token), 400, 'invalid_grant')
  }
})
