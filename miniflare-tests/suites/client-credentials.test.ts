// grant_type=client_credentials (RFC 6749 §4.4), with a real client library too.
import assert from 'node:assert/strict'
import * as oidc from 'openid-client'
import { assertOAuthError, createClient, decodeJwt, setupAdmin, token, type Client, type Person } from '../harness/flows.ts'
import { subject, test } from '../harness/test.ts'

const op = subject()
const FILES = 'https://files.example'
let admin: Person
let client: Client
let api: { id: string; permissions: { id: string; key: string }[] }

const ask = (fields: Record<string, string> = {}, who = client) => token(op, who, { grant_type: 'client_credentials', ...fields })
const give = async (keys: string[]) => {
  const clientPermissionIds = api.permissions.filter((p) => keys.includes(p.key)).map((p) => p.id)
  const answer = await admin.browser.json('PUT', `/api/apis/${api.id}/clients/${client.id}`, { clientPermissionIds })
  assert.equal(answer.status, 200, answer.text)
}

test('client credentials give a token for an API, in every way a client can ask', async () => {
  admin = await setupAdmin(op)
  client = await createClient(admin.browser)
  const { id } = (await admin.browser.json('POST', '/api/apis', { name: 'Files', resource: FILES })).json()
  const permissions = [{ key: 'read', name: 'Read' }, { key: 'write', name: 'Write' }, { key: 'erase', name: 'Erase' }]
  api = (await admin.browser.json('PUT', `/api/apis/${id}/permissions`, { permissions })).json()
  await give(['read', 'write'])
  for (const [fields, scope, aud] of [
    [{ resource: `${FILES}/` }, 'read write', [FILES]],
    [{ resource: FILES, scope: 'openid email read' }, 'read', [FILES]],
    [{}, '', [client.id]],
  ] as const) {
    const answer = await ask(fields)
    assert.equal(answer.status, 200, answer.text)
    const body = answer.json()
    assert.deepEqual([body.scope, body.refresh_token, body.id_token], [scope, undefined, undefined])
    const { header, payload } = decodeJwt(body.access_token)
    assert.deepEqual([header.typ, payload.aud, payload.sub, payload.client_id], ['at+jwt', aud, `client-${client.id}`, client.id])
  }
})

test('client credentials are refused where they should be', async () => {
  assertOAuthError(await ask({ resource: 'urn:nowhere' }), 400, 'invalid_target')
  assertOAuthError(await ask({ resource: FILES, scope: 'erase' }), 400, 'invalid_scope')
  assertOAuthError(await ask({ scope: 'read' }), 400, 'invalid_scope')
  const publicClient = await createClient(admin.browser, { isPublic: true })
  assertOAuthError(await ask({}, publicClient), 400, 'unauthorized_client')
  const limited = await createClient(admin.browser, { metadata: { grant_types: ['authorization_code'] } })
  assertOAuthError(await ask({}, limited), 400, 'unauthorized_client')
  const outside = await createClient(admin.browser)
  assertOAuthError(await ask({ resource: FILES }, outside), 403, 'access_denied')
  assertOAuthError(await ask({}, { ...client, secret: 'wrong' }), 401, 'invalid_client')
})

test('openid-client gets one with its own function', async () => {
  const execute = [oidc.allowInsecureRequests]
  const config = await oidc.discovery(new URL(op.url), client.id, client.secret, oidc.ClientSecretBasic(client.secret), { execute })
  const tokens = await oidc.clientCredentialsGrant(config, { resource: FILES, scope: 'write' })
  assert.deepEqual([tokens.scope, tokens.token_type], ['write', 'bearer'])
  await give(['read'])
  await assert.rejects(oidc.clientCredentialsGrant(config, { resource: FILES, scope: 'write' }), { error: 'invalid_scope' })
})
