// Token exchange (RFC 8693), security.md 21.
import assert from 'node:assert/strict'
import * as oidc from 'openid-client'
import { assertOAuthError, createClient, decodeJwt, getTokens, setupAdmin, signIn, token, userinfo, type Client, type Person } from '../harness/flows.ts'
import { subject, test } from '../harness/test.ts'

const op = subject()
const GRANT = 'urn:ietf:params:oauth:grant-type:token-exchange'
const ACCESS = 'urn:ietf:params:oauth:token-type:access_token'
const FILES = 'https://files.example'
const MAIL = 'urn:mail'
let admin: Person
let app: Client
let service: Client

const makeApi = async (resource: string, keys: string[]) => {
  const { id } = (await admin.browser.json('POST', '/api/apis', { name: resource, resource })).json()
  return (await admin.browser.json('PUT', `/api/apis/${id}/permissions`, { permissions: keys.map((key) => ({ key, name: key })) })).json()
}
const letIn = async (api: any, client: Client, keys: string[]) => {
  const userDelegatedPermissionIds = api.permissions.filter((p: any) => keys.includes(p.key)).map((p: any) => p.id)
  const answer = await admin.browser.json('PUT', `/api/apis/${api.id}/clients/${client.id}`, { userDelegatedPermissionIds })
  assert.equal(answer.status, 200, answer.text)
}
const exchange = (client: Client, subject_token: string, fields: Record<string, string> = {}) =>
  token(op, client, { grant_type: GRANT, subject_token, subject_token_type: ACCESS, ...fields })
const obtain = async (browser = admin.browser) =>
  (await getTokens(op, { browser, authenticator: admin.authenticator }, app, { scope: 'openid email read', resource: FILES })).access_token

test('s21 a service behind an API acts for the person at the next one', async () => {
  admin = await setupAdmin(op)
  app = await createClient(admin.browser, { skipConsent: true })
  service = await createClient(admin.browser, { name: 'Service', metadata: { token_exchange_audiences: [MAIL, FILES] } })
  const [files, mail] = [await makeApi(FILES, ['read', 'write']), await makeApi(MAIL, ['send', 'erase'])]
  await letIn(files, app, ['read', 'write'])
  await letIn(files, service, ['read', 'write'])
  await letIn(mail, service, ['send'])
  const before = await obtain()
  await op.advance(60)
  const answer = await exchange(service, before, { resource: MAIL, scope: 'send' })
  assert.equal(answer.status, 200, answer.text)
  const body = answer.json()
  assert.deepEqual([body.issued_token_type, body.scope, body.refresh_token, body.id_token], [ACCESS, 'send', undefined, undefined])
  assert.ok(body.expires_in <= 3540, `${body.expires_in}`)
  const { payload } = decodeJwt(body.access_token)
  assert.deepEqual([payload.sub, payload.aud, payload.act], [decodeJwt(before).payload.sub, [MAIL], { sub: `client-${service.id}`, client_id: service.id }])
  const execute = [oidc.allowInsecureRequests]
  const config = await oidc.discovery(new URL(op.url), service.id, service.secret, oidc.ClientSecretBasic(service.secret), { execute })
  const tokens = await oidc.genericGrantRequest(config, GRANT, { subject_token: body.access_token, subject_token_type: ACCESS, resource: MAIL })
  assert.deepEqual((decodeJwt(tokens.access_token).payload.act as any).act, payload.act, 'who acted before is inside')
})

test('s21 nothing is exchanged that an admin has not listed', async () => {
  const before = await obtain()
  const third = await createClient(admin.browser)
  for (const fields of [{}, { resource: MAIL }, { audience: third.id }] as Record<string, string>[]) assertOAuthError(await exchange(third, before, fields), 400, 'invalid_target')
  assertOAuthError(await exchange(service, before), 400, 'invalid_target')
  const publicClient = await createClient(admin.browser, { isPublic: true, metadata: { token_exchange_audiences: [MAIL] } })
  assertOAuthError(await exchange(publicClient, before, { resource: MAIL }), 400, 'unauthorized_client')
})

test('s21 scope never grows', async () => {
  const before = await obtain()
  for (const [resource, scope] of [[FILES, 'write'], [FILES, 'openid profile'], [MAIL, 'erase'], [MAIL, 'groups']] as const) {
    assertOAuthError(await exchange(service, before, { resource, scope }), 400, 'invalid_scope')
  }
  assert.equal((await exchange(service, before, { resource: FILES })).json().scope, 'openid email read')
})

test('s21 only tokens of ours that live are exchanged', async () => {
  const before = await obtain()
  const [head, body] = before.split('.')
  for (const bad of ['garbage', `${head}.${body}.AAAA`, 'eyJhbGciOiJub25lIn0.e30.']) {
    assertOAuthError(await exchange(service, bad, { resource: MAIL }), 400, 'invalid_request')
  }
  const tokens = await getTokens(op, admin, app)
  assertOAuthError(await exchange(service, tokens.access_token, { resource: MAIL }), 400, 'invalid_request')
  assertOAuthError(await exchange(service, tokens.id_token, { resource: MAIL }), 400, 'invalid_request')
  await op.advance(3601)
  assertOAuthError(await exchange(service, before, { resource: MAIL }), 400, 'invalid_request')
})

test('s21 signing out ends what came of an exchange, also with 50 at once', async () => {
  const browser = await signIn(op, admin.authenticator)
  const before = await obtain(browser)
  const answers = await Promise.all(Array.from({ length: 50 }, () => exchange(service, before, { resource: FILES })))
  assert.deepEqual([...new Set(answers.map((a) => a.status))], [200], answers.find((a) => a.status !== 200)?.text)
  const racing = Array.from({ length: 25 }, () => exchange(service, before, { resource: FILES }))
  const out = browser.post('/logout', {})
  const raced = (await Promise.all(racing)).filter((a) => a.status === 200)
  await out
  for (const a of [...answers, ...raced]) assert.equal((await userinfo(op, a.json().access_token)).status, 401)
  assertOAuthError(await exchange(service, before, { resource: FILES }), 400, 'invalid_request')
})
