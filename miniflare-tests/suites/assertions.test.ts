// Client authentication by signed assertions: a client's own keys (private_key_jwt), and issuers that it trusts.
import assert from 'node:assert/strict'
import crypto from 'node:crypto'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after } from 'node:test'
import * as o from 'oauth4webapi'
import { assertApiError, assertOAuthError, basic, createClient, getCode, redemption, setupAdmin, signIn, token, type Client, type Person } from '../harness/flows.ts'
import { subject, test } from '../harness/test.ts'

const op = subject()
let admin: Person
let server: Server | undefined
let base: string
/** What the little server answers, by path. */
const documents = new Map<string, { status?: number; body: unknown }>()
const asked: string[] = []

let begun: Promise<void> | undefined
/** The administrator and the little server; hooks of this file run before the subject's own. */
const ready = (): Promise<void> => (begun ??= begin())
async function begin(): Promise<void> {
  admin = await setupAdmin(op)
  server = createServer((ask, answer) => {
    asked.push(ask.url!)
    const document = documents.get(ask.url!)
    answer.writeHead(document ? (document.status ?? 200) : 404, { 'content-type': 'application/json' })
    answer.end(JSON.stringify(document?.body ?? {}))
  })
  await new Promise<void>((done) => server!.listen(0, '127.0.0.1', done))
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}
after(() => server?.close())

interface Key {
  kid: string
  alg: string
  privateKey: crypto.KeyObject
  jwk: Record<string, unknown>
}

function makeKey(alg: string, kid = 'k1'): Key {
  const pair = alg === 'EdDSA' ? crypto.generateKeyPairSync('ed25519')
    : alg.startsWith('ES') ? crypto.generateKeyPairSync('ec', { namedCurve: { ES256: 'P-256', ES384: 'P-384', ES512: 'P-521' }[alg]! })
    : crypto.generateKeyPairSync('rsa', { modulusLength: 2048 })
  return { kid, alg, privateKey: pair.privateKey, jwk: { ...pair.publicKey.export({ format: 'jwk' }), kid, alg, use: 'sig' } }
}

function sign(key: Key, claims: object, header: object = {}): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const input = `${part({ alg: key.alg, kid: key.kid, typ: 'JWT', ...header })}.${part(claims)}`
  const options: crypto.SignKeyObjectInput = { key: key.privateKey }
  if (key.alg.startsWith('ES')) options.dsaEncoding = 'ieee-p1363'
  if (key.alg === 'PS256') Object.assign(options, { padding: crypto.constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 })
  return `${input}.${crypto.sign(key.alg === 'EdDSA' ? null : `sha${key.alg.slice(2)}`, Buffer.from(input), options).toString('base64url')}`
}

/** How far the subject's clock was moved. */
let moved = 0
const now = () => Math.floor(Date.now() / 1000) + moved
const ahead = async (seconds: number) => {
  await op.advance(seconds)
  moved += seconds
}
const own = (client: Client, changes: object = {}): object =>
  ({ iss: client.id, sub: client.id, aud: op.url, exp: now() + 60, iat: now(), jti: crypto.randomUUID(), ...changes })

const TYPE = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer'
const assertion = (jwt: string) => ({ client_assertion_type: TYPE, client_assertion: jwt })
/** Asks for a code that there is not: whoever proves who it is gets invalid_grant. */
const prove = (jwt: string, more: Record<string, string> = {}) =>
  token(op, undefined, { grant_type: 'authorization_code', code: 'none', ...assertion(jwt), ...more })
const set = (...keys: Key[]) => ({ keys: keys.map((key) => key.jwk) })

test('oauth4webapi signs in with private_key_jwt and keys behind a jwks_uri', async () => {
  await ready()
  const insecure = { [o.allowInsecureRequests]: true }
  for (const [alg, params] of [
    ['ES256', { name: 'ECDSA', namedCurve: 'P-256' }],
    ['PS256', { name: 'RSA-PSS', hash: 'SHA-256', modulusLength: 2048, publicExponent: new Uint8Array([1, 0, 1]) }],
  ] as const) {
    const pair = (await crypto.subtle.generateKey(params, true, ['sign', 'verify'])) as CryptoKeyPair
    const jwk = { ...(await crypto.subtle.exportKey('jwk', pair.publicKey)), kid: alg, alg }
    documents.set(`/${alg}`, { body: { keys: [jwk] } })
    const client = await createClient(admin.browser, { metadata: { jwks_uri: `${base}/${alg}`, token_endpoint_auth_method: 'private_key_jwt' } })
    const issuer = new URL(op.url)
    const as = await o.processDiscoveryResponse(issuer, await o.discoveryRequest(issuer, insecure))
    assert.ok(as.token_endpoint_auth_methods_supported!.includes('private_key_jwt'))
    assert.ok(as.token_endpoint_auth_signing_alg_values_supported!.includes(alg))
    const grant = await getCode(admin, client)
    const found = o.validateAuthResponse(as, { client_id: client.id }, new URLSearchParams({ code: grant.code, state: grant.request.state, iss: op.url }), grant.request.state)
    const auth = o.PrivateKeyJwt({ key: pair.privateKey, kid: alg })
    const response = await o.authorizationCodeGrantRequest(as, { client_id: client.id }, auth, found, client.redirectUri, grant.request.verifier, insecure)
    const tokens = await o.processAuthorizationCodeResponse(as, { client_id: client.id }, response, { expectedNonce: grant.request.nonce, requireIdToken: true })
    assert.ok((await o.processRefreshTokenResponse(as, { client_id: client.id }, await o.refreshTokenGrantRequest(as, { client_id: client.id }, auth, tokens.refresh_token!, insecure))).access_token)
    const secret = await token(op, client, redemption(grant), { authorization: basic(client.id, client.secret!) })
    assertOAuthError(secret, 401, 'invalid_client')
  }
})

test('s18 each algorithm signs an assertion, and each claim is held to its rule', async () => {
  await ready()
  for (const alg of ['RS256', 'RS384', 'RS512', 'PS256', 'ES256', 'ES384', 'ES512', 'EdDSA']) {
    const key = makeKey(alg)
    const client = await createClient(admin.browser, { metadata: { jwks: set(key) } })
    assertOAuthError(await prove(sign(key, own(client))), 400, 'invalid_grant')
  }
  const key = makeKey('ES256')
  const client = await createClient(admin.browser, { metadata: { jwks: set(key) } })
  for (const changes of [
    { aud: `${op.url}/api/oidc/token` }, { aud: [op.url, 'https://other.example'] }, { aud: undefined }, { exp: undefined },
    { exp: now() - 60 }, { exp: now() + 3600 }, { nbf: now() + 300 }, { jti: undefined }, { iss: 'other' }, { sub: 'other' },
  ]) assertOAuthError(await prove(sign(key, own(client, changes)), { client_id: client.id }), 401, 'invalid_client')
  const other = makeKey('ES256')
  assertOAuthError(await prove(sign(other, own(client))), 401, 'invalid_client')
})

test('s24 keys decide on algorithms, headers on nothing', async () => {
  await ready()
  const [key, other] = [makeKey('ES256'), makeKey('ES256')]
  const client = await createClient(admin.browser, { metadata: { jwks: set(key) } })
  for (const header of [{ alg: 'none' }, { alg: 'HS256' }, { alg: 'RS256' }, { kid: 'other' }, { crit: ['x'], x: 1 }, { typ: 'at+jwt' }])
    assertOAuthError(await prove(sign(key, own(client), header)), 401, 'invalid_client')
  asked.length = 0
  assertOAuthError(await prove(sign(other, own(client), { jwk: other.jwk, jku: `${base}/evil`, x5u: `${base}/evil` })), 401, 'invalid_client')
  assert.deepEqual(asked, [])
  const unsigned = sign(key, own(client), { alg: 'none' }).replace(/[^.]*$/, '')
  assertOAuthError(await prove(unsigned), 401, 'invalid_client')
})

test('s18 50 parallel uses of one assertion: exactly one counts', async () => {
  await ready()
  const key = makeKey('EdDSA')
  const client = await createClient(admin.browser, { metadata: { jwks: set(key) } })
  const jwt = sign(key, own(client))
  const answers = await Promise.all(Array.from({ length: 50 }, () => prove(jwt)))
  assert.equal(answers.filter((answer) => answer.json().error === 'invalid_grant').length, 1)
  assert.equal(answers.filter((answer) => answer.json().error === 'invalid_client').length, 49)
})

test('a failed assertion uses nothing up: neither its jti nor the code', async () => {
  await ready()
  const key = makeKey('EdDSA')
  const client = await createClient(admin.browser, { metadata: { jwks: set(key) } })
  const other = await createClient(admin.browser, { metadata: { jwks: set(makeKey('EdDSA')) } })
  const grant = await getCode(admin, client)
  const jwt = sign(key, own(client))
  const broken = `${jwt.slice(0, -4)}AAAA`
  assertOAuthError(await token(op, undefined, { ...redemption(grant), ...assertion(broken) }), 401, 'invalid_client')
  assertOAuthError(await token(op, undefined, { ...redemption(grant), ...assertion(jwt), client_id: other.id }), 401, 'invalid_client')
  assertOAuthError(await token(op, client, { ...redemption(grant), ...assertion(jwt) }), 400, 'invalid_request')
  const answer = await token(op, undefined, { ...redemption(grant), ...assertion(jwt) })
  assert.equal(answer.status, 200, answer.text)
})

test('keys rotate, an outage is bridged by the last copy, and then refused in clear words', async () => {
  await ready()
  const [old, next] = [makeKey('EdDSA', 'old'), makeKey('EdDSA', 'new')]
  documents.set('/rotating', { body: set(old) })
  const client = await createClient(admin.browser, { metadata: { jwks_uri: `${base}/rotating` } })
  assertOAuthError(await prove(sign(old, own(client))), 400, 'invalid_grant')
  documents.set('/rotating', { body: set(next) })
  await ahead(60)
  assertOAuthError(await prove(sign(next, own(client))), 400, 'invalid_grant')
  documents.set('/rotating', { status: 500, body: {} })
  await ahead(3600)
  assertOAuthError(await prove(sign(next, own(client))), 400, 'invalid_grant')
  await ahead(2 * 86_400)
  const refused = await prove(sign(next, own(client)))
  assertOAuthError(refused, 401, 'invalid_client')
  assert.equal(refused.json().error_description, 'The keys of the client could not be fetched.')
  documents.set('/rotating', { body: { keys: [], padding: 'x'.repeat(70_000) } })
  assertOAuthError(await prove(sign(next, own(client))), 401, 'invalid_client')
  documents.set('/rotating', { body: set(next) })
  assertOAuthError(await prove(sign(next, own(client))), 400, 'invalid_grant')
})

test('s19 federated credentials: a cluster found by its metadata, exact issuer, subject and audience', async () => {
  await ready()
  const key = makeKey('RS256', 'cluster')
  const issuer = `${base}/cluster`
  documents.set('/cluster/.well-known/openid-configuration', { body: { issuer, jwks_uri: `${base}/cluster-keys` } })
  documents.set('/cluster-keys', { body: set(key) })
  // the administrator's own session ended when the clock moved
  admin = { ...admin, browser: await signIn(op, admin.authenticator) }
  const identities = [
    { issuer, subject: 'system:serviceaccount:apps:photos' },
    { issuer, subject: 'job', audience: `${op.url}/api/oidc/token`, replayProtection: true },
  ]
  const client = await createClient(admin.browser, { credentials: { federatedIdentities: identities } })
  const claims = { iss: issuer, sub: 'system:serviceaccount:apps:photos', aud: [op.url, 'vault'], exp: now() + 31_536_000, iat: now() }
  const as = (changes: object) => prove(sign(key, { ...claims, ...changes }), { client_id: client.id })
  assertOAuthError(await as({}), 400, 'invalid_grant')
  assertOAuthError(await as({}), 400, 'invalid_grant')
  for (const changes of [
    { iss: `${issuer}/` }, { iss: base }, { sub: 'system:serviceaccount:apps:photos2' }, { sub: client.id }, { aud: 'vault' },
    { aud: `${op.url}/` }, { exp: now() - 60 }, { exp: undefined },
  ]) assertOAuthError(await as(changes), 401, 'invalid_client')
  const job = { sub: 'job', aud: `${op.url}/api/oidc/token`, jti: 'one' }
  assertOAuthError(await as(job), 400, 'invalid_grant')
  assertOAuthError(await as(job), 401, 'invalid_client')
  assertOAuthError(await as({ ...job, jti: undefined }), 401, 'invalid_client')
  assertOAuthError(await as({ ...job, jti: 'two', aud: op.url }), 401, 'invalid_client')
})

test('metadata and federated identities are checked when an admin writes them', async () => {
  await ready()
  const write = (fields: object) => admin.browser.json('POST', '/api/oidc/clients', { name: 'A', ...fields })
  const { privateKey } = makeKey('ES256')
  for (const fields of [
    { metadata: { jwks: { keys: [privateKey.export({ format: 'jwk' })] } } },
    { metadata: { jwks_uri: 'http://app.example/jwks' } },
    { metadata: { token_endpoint_auth_method: 'client_secret_jwt' } },
    { metadata: { grant_types: ['implicit'] } },
    { credentials: { federatedIdentities: [{ issuer: '' }] } },
    { credentials: { federatedIdentities: [{ issuer: 'x', jwks: 'file:///etc/keys' }] } },
  ]) assertApiError(await write(fields), 400, 'validation_failed')
})
