// APIs with permissions, resource indicators (RFC 8707), and what ends when access is taken back.
import assert from 'node:assert/strict'
import {
  addPerson, assertApiError, assertOAuthError, authorize, createClient, decodeJwt, delivered, getTokens, redeem, getCode, refresh, request,
  setupAdmin, signIn, userinfo, type Client, type Person,
} from '../harness/flows.ts'
import { subject, test } from '../harness/test.ts'

const op = subject()
const FILES = 'https://files.example'
let admin: Person
let client: Client
let api: { id: string; permissions: { id: string; key: string }[] }

const idOf = (key: string) => api.permissions.find((p) => p.key === key)!.id
const fresh = async () => ({ browser: await signIn(op, admin.authenticator), authenticator: admin.authenticator })
const grant = async (user: string[], own: string[] = []) => {
  const answer = await admin.browser.json('PUT', `/api/apis/${api.id}/clients/${client.id}`, {
    userDelegatedPermissionIds: user.map(idOf), clientPermissionIds: own.map(idOf),
  })
  assert.equal(answer.status, 200, answer.text)
  return answer.json()
}

test('an API is made, described, searched and refused as it should be', async () => {
  admin = await setupAdmin(op)
  client = await createClient(admin.browser, { skipConsent: true })
  const made = await admin.browser.json('POST', '/api/apis', { name: 'Files', resource: `${FILES}/` })
  assert.equal(made.status, 201, made.text)
  assert.equal(made.json().resource, FILES)
  const body = assertApiError(await admin.browser.json('POST', '/api/apis', { name: 'Twin', resource: FILES }), 409, 'already_in_use')
  assert.deepEqual(body.details, { property: 'resource' })
  const own = assertApiError(await admin.browser.json('POST', '/api/apis', { name: 'Own', resource: op.url }), 400, 'validation_failed')
  assert.deepEqual([own.details.fields[0].field, own.details.fields[0].code], ['resource', 'reserved'])
  const set = await admin.browser.json('PUT', `/api/apis/${made.json().id}/permissions`, {
    permissions: [{ key: 'files:read', name: 'Read', description: 'All of it' }, { key: 'files:write', name: 'Write' }],
  })
  assert.equal(set.status, 200, set.text)
  api = set.json()
  const bad = await admin.browser.json('PUT', `/api/apis/${api.id}/permissions`, { permissions: [{ key: 'a b', name: 'A' }, { key: 'OPENID', name: 'B' }] })
  assert.deepEqual(bad.json().details.fields.map((f: any) => `${f.field} ${f.code}`), ['permissions[0].key invalid_format', 'permissions[1].key reserved'])
  const found = (await admin.browser.json('GET', '/api/apis?search=FILES.ex&sort[column]=resource')).json()
  assert.deepEqual([found.data[0].permissions.length, found.pagination.totalItems], [2, 1])
  const bob = await addPerson(op, admin, 'bob')
  assertApiError(await bob.browser.json('GET', '/api/apis'), 403, 'forbidden')
})

test('clients are let in and listed from both sides', async () => {
  assert.deepEqual(await grant(['files:read', 'files:write']), {
    userDelegatedAccess: true, clientAccess: false,
    userDelegatedPermissionIds: [idOf('files:read'), idOf('files:write')], clientPermissionIds: [],
  })
  const listed = (await admin.browser.json('GET', `/api/apis/${api.id}/clients`)).json()
  assert.deepEqual(listed.data.map((l: any) => [l.client.id, l.userDelegatedAccess, l.cimdGrantedAccess]), [[client.id, true, false]])
  const encoded = `~${Buffer.from(client.id).toString('base64url')}`
  const theirs = (await admin.browser.json('GET', `/api/api-access/${encoded}/apis`)).json()
  assert.deepEqual(theirs.map((t: any) => t.api.id), [api.id])
  assert.deepEqual((await admin.browser.json('GET', `/api/api-access/${client.id}/assignable-apis`)).json().data, [])
  assert.deepEqual((await admin.browser.json('GET', `/api/apis/${api.id}/assignable-clients`)).json().data, [])
})

test('a code for an API gives a token for that API', async () => {
  const tokens = await getTokens(op, await fresh(), client, { scope: 'openid files:read made-up', resource: `${FILES}/` })
  assert.equal(tokens.scope, 'openid files:read')
  const { header, payload } = decodeJwt(tokens.access_token)
  assert.deepEqual([header.typ, payload.aud, payload.scope], ['at+jwt', [FILES, op.url], 'openid files:read'])
  assert.equal((await userinfo(op, tokens.access_token)).status, 200)
  const plain = await getTokens(op, await fresh(), client, { scope: 'files:write', resource: FILES })
  assert.deepEqual(decodeJwt(plain.access_token).payload.aud, [FILES])
  assert.equal(plain.id_token, undefined)
  assert.equal((await userinfo(op, plain.access_token)).status, 403)
  const again = await redeem(op, await getCode(await fresh(), client), { resource: FILES })
  assertOAuthError(again, 400, 'invalid_target')
})

test('a resource that cannot be had', async () => {
  const hidden = (await admin.browser.json('POST', '/api/apis', { name: 'Hidden', resource: 'urn:hidden' })).json()
  const ask = async (changes: Record<string, string>) => {
    const asked = request(client, changes)
    return delivered(await authorize(admin.browser, asked.params, { authenticator: admin.authenticator }), client.redirectUri)
  }
  for (const resource of [hidden.resource, 'urn:nowhere', 'nonsense', `${FILES}#x`]) {
    const { error, error_description } = await ask({ resource })
    assert.deepEqual([error, error_description], ['invalid_request', "The 'resource' or 'scope' parameter is invalid."], resource)
  }
  assert.equal((await ask({ scope: 'openid files:read' })).error, 'invalid_scope', 'a permission without its API')
})

test('taking access away ends refreshing at once', async () => {
  const one = await getTokens(op, await fresh(), client, { scope: 'openid files:read', resource: FILES })
  const two = await getTokens(op, await fresh(), client, { scope: 'openid files:write', resource: FILES })
  const next = (await refresh(op, client, one.refresh_token, { resource: FILES })).json()
  assert.deepEqual(decodeJwt(next.access_token).payload.aud, [FILES, op.url])
  assertOAuthError(await refresh(op, client, next.refresh_token, { resource: 'urn:other' }), 400, 'invalid_target')
  await grant(['files:read'])
  assertOAuthError(await refresh(op, client, two.refresh_token), 400, 'invalid_grant')
  assert.equal((await userinfo(op, two.access_token)).status, 401)
  assert.equal((await userinfo(op, next.access_token)).status, 200)
  assert.equal((await admin.browser.json('DELETE', `/api/apis/${api.id}/clients/${client.id}`)).status, 204)
  assertOAuthError(await refresh(op, client, next.refresh_token), 400, 'invalid_grant')
  assert.equal((await userinfo(op, next.access_token)).status, 401)
})

test('removing an API ends what was issued for it', async () => {
  await grant(['files:read'])
  const tokens = await getTokens(op, await fresh(), client, { scope: 'openid files:read', resource: FILES })
  assert.equal((await admin.browser.json('DELETE', `/api/apis/${api.id}`)).status, 204)
  assertOAuthError(await refresh(op, client, tokens.refresh_token), 400, 'invalid_grant')
  assertApiError(await admin.browser.json('GET', `/api/apis/${api.id}`), 404, 'not_found')
})
