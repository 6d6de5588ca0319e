// Clients that register themselves (RFC 7591, RFC 7592), and addresses of metadata documents that are refused.
import assert from 'node:assert/strict'
import { after } from 'node:test'
import * as o from 'oauth4webapi'
import { Browser } from '../harness/browser.ts'
import { assertApiError, assertErrorPage, assertOAuthError, authorizePath, CALLBACK, getTokens, refresh, request, setupAdmin, token, type Client, type Person } from '../harness/flows.ts'
import type { Answer } from '../harness/http.ts'
import { startOp, type Op } from '../harness/subject.ts'
import { subject, test } from '../harness/test.ts'

const op = subject({ env: { DYNAMIC_CLIENT_REGISTRATION: 'open', CIMD_URL_ALLOWLIST: 'https://*/**' } })
let strict: Op | undefined
let admin: Person
let keeper: Person

let begun: Promise<Op> | undefined
/** A second subject, with tokens and quarantine; hooks of this file run before the first subject's own. */
const ready = (): Promise<Op> => (begun ??= begin())
async function begin(): Promise<Op> {
  strict = await startOp({ env: { DYNAMIC_CLIENT_REGISTRATION: 'token', DYNAMIC_CLIENT_REGISTRATION_APPROVAL: 'true' } })
  admin = await setupAdmin(op)
  keeper = await setupAdmin(strict)
  return strict
}
after(() => strict?.stop())

const PATH = '/api/oidc/register'
const METADATA = { redirect_uris: [CALLBACK], client_name: 'Notes', grant_types: ['authorization_code', 'refresh_token'] }

function call(at: Op, method: string, path: string, body?: object, bearer?: string): Promise<Answer> {
  const headers: Record<string, string> = { 'content-type': 'application/json' }
  if (bearer !== undefined) headers.authorization = `Bearer ${bearer}`
  return at.send({ method, path, headers, body: body && JSON.stringify(body) })
}
const register = (at: Op, changes: object = {}, bearer?: string) => call(at, 'POST', PATH, { ...METADATA, ...changes }, bearer)
const clientOf = (body: any): Client => ({ id: body.client_id, secret: body.client_secret, redirectUri: body.redirect_uris[0] })
const initial = async (fields: object): Promise<string> => {
  const made = await keeper.browser.json('POST', '/api/oidc/initial-access-tokens', fields)
  assert.equal(made.status, 201, made.text)
  return made.json().token
}

test('oauth4webapi registers itself, signs in and refreshes', async () => {
  await ready()
  const insecure = { [o.allowInsecureRequests]: true }
  const issuer = new URL(op.url)
  const as = await o.processDiscoveryResponse(issuer, await o.discoveryRequest(issuer, insecure))
  assert.equal(as.registration_endpoint, `${op.url}${PATH}`)
  const made = await o.processDynamicClientRegistrationResponse(await o.dynamicClientRegistrationRequest(as, METADATA, insecure))
  assert.equal(made.client_secret_expires_at, 0)
  const client = clientOf(made)
  const tokens = await getTokens(op, admin, client)
  assert.equal((await refresh(op, client, tokens.refresh_token)).status, 200)
  const public_ = (await register(op, { token_endpoint_auth_method: 'none', grant_types: ['authorization_code'] })).json()
  assert.equal(public_.client_secret, undefined)
  assert.equal((await getTokens(op, admin, clientOf(public_))).refresh_token, undefined, 'it did not register that grant')
})

test('registration errors have the codes of RFC 7591', async () => {
  await ready()
  for (const [changes, error] of [
    [{ redirect_uris: ['https://*.example/cb'] }, 'invalid_redirect_uri'],
    [{ redirect_uris: ['http://app.example/cb'] }, 'invalid_redirect_uri'],
    [{ redirect_uris: ['javascript:alert(1)'] }, 'invalid_redirect_uri'],
    [{ redirect_uris: undefined }, 'invalid_redirect_uri'],
    [{ token_endpoint_auth_method: 'client_secret_jwt' }, 'invalid_client_metadata'],
    [{ response_types: ['token'] }, 'invalid_client_metadata'],
    [{ jwks_uri: 'http://app.example/jwks' }, 'invalid_client_metadata'],
    [{ software_statement: 'a.b.c' }, 'unapproved_software_statement'],
  ] as const) assertOAuthError(await register(op, changes), 400, error)
})

test('a client manages itself with a token that changes', async () => {
  await ready()
  const made = (await register(op)).json()
  const path = new URL(made.registration_client_uri).pathname
  assertOAuthError(await call(op, 'GET', path, undefined, 'made-up'), 401, 'invalid_token')
  const read = await call(op, 'GET', path, undefined, made.registration_access_token)
  assert.equal(read.status, 200, read.text)
  assert.equal(read.json().client_secret, undefined)
  const put = (bearer: string, changes: object = {}) => call(op, 'PUT', path, { ...METADATA, client_id: made.client_id, ...changes }, bearer)
  assertOAuthError(await put(made.registration_access_token, { client_id: 'other' }), 400, 'invalid_request')
  const answers = await Promise.all(Array.from({ length: 20 }, () => put(made.registration_access_token, { client_name: 'New' })))
  const good = answers.filter((answer) => answer.status === 200)
  assert.equal(good.length, 1, 'one of 20 changes with the same token')
  const next = good[0]!.json().registration_access_token
  assert.equal((await call(op, 'DELETE', path, undefined, next)).status, 204)
  assertOAuthError(await call(op, 'GET', path, undefined, next), 401, 'invalid_token')
})

test('50 parallel registrations with a token for three give three clients', async () => {
  const strict = await ready()
  assertOAuthError(await register(strict), 401, 'invalid_token')
  const three = await initial({ name: 'Three', uses: 3 })
  const answers = await Promise.all(Array.from({ length: 50 }, () => register(strict, {}, three)))
  assert.equal(answers.filter((answer) => answer.status === 201).length, 3)
  assert.equal(answers.filter((answer) => answer.status === 401).length, 47)
  assert.deepEqual(await strict.sql("SELECT COUNT(*) FROM clients WHERE client_type = 'dynamic'"), [['3']])
})

test('a client in quarantine is of no use until an admin approves it', async () => {
  const strict = await ready()
  const made = (await register(strict, {}, await initial({ name: 'One' }))).json()
  const client = clientOf(made)
  assertErrorPage(await keeper.browser.get(authorizePath(request(client).params)))
  assertOAuthError(await token(strict, client, { grant_type: 'refresh_token', refresh_token: 'x' }), 400, 'unauthorized_client')
  const path = `/api/oidc/clients/${client.id}`
  assert.equal((await keeper.browser.json('GET', path)).json().isPending, true)
  assertApiError(await new Browser(strict).json('POST', `${path}/approve`, {}), 401, 'not_signed_in')
  assert.equal((await keeper.browser.json('POST', `${path}/approve`, {})).status, 200)
  assert.ok((await getTokens(strict, keeper, client)).access_token)
})

test('where registration is off there is none', async () => {
  await ready()
  const off = await startOp()
  try {
    assert.equal((await register(off)).status, 404)
    const metadata = (await off.send({ path: '/.well-known/openid-configuration' })).json()
    assert.equal(metadata.registration_endpoint, undefined)
    assert.equal(metadata.client_id_metadata_document_supported, undefined)
  } finally {
    await off.stop()
  }
})

test('free registration is slowed down', async () => {
  await ready()
  const limited = await startOp({ env: { DYNAMIC_CLIENT_REGISTRATION: 'open', DISABLE_RATE_LIMITING: 'false' } })
  try {
    const answers = []
    for (let n = 0; n < 25; n++) answers.push((await register(limited)).status)
    assert.equal(answers[0], 201)
    assert.ok(answers.includes(429), answers.join(' '))
  } finally {
    await limited.stop()
  }
})

test('s50 s51 addresses of metadata documents inside the network or malformed are refused', async () => {
  await ready()
  const metadata = (await op.send({ path: '/.well-known/openid-configuration' })).json()
  assert.equal(metadata.client_id_metadata_document_supported, true)
  for (const id of [
    'https://127.0.0.1/client.json', 'https://localhost/client.json', 'https://[::1]/client.json', 'https://10.0.0.1/client.json',
    'https://169.254.169.254/latest/meta-data', 'https://printer.local/client.json', 'https://app.example:22/client.json',
    'http://app.example/client.json', 'https://app.example', 'https://app.example/', 'https://app.example/a/../client.json',
    'https://me:pw@app.example/client.json', 'https://app.example/client.json#x', 'https://APP.example/client.json',
  ]) {
    const client: Client = { id, secret: undefined, redirectUri: CALLBACK }
    assertErrorPage(await admin.browser.get(authorizePath(request(client).params)))
    const answer = await token(op, client, { grant_type: 'refresh_token', refresh_token: 'x' })
    assertOAuthError(answer, 401, 'invalid_client')
  }
  assert.deepEqual(await op.sql("SELECT COUNT(*) FROM clients WHERE client_type = 'cimd'"), [['0']])
})
