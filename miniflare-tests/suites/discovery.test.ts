import assert from 'node:assert/strict'
import crypto from 'node:crypto'
import { subject, test } from '../harness/test.ts'

const op = subject()
const PATHS = ['/.well-known/openid-configuration', '/.well-known/oauth-authorization-server']

test('discovery says exactly what is served', async () => {
  const answer = await op.send({ path: PATHS[0]! })
  assert.equal(answer.status, 200)
  assert.match(answer.header('content-type') ?? '', /^application\/json(;\s*charset=utf-8)?$/i)
  const d = answer.json()
  const expected = {
    issuer: op.url,
    authorization_endpoint: `${op.url}/authorize`,
    token_endpoint: `${op.url}/api/oidc/token`,
    userinfo_endpoint: `${op.url}/api/oidc/userinfo`,
    end_session_endpoint: `${op.url}/api/oidc/end-session`,
    device_authorization_endpoint: `${op.url}/api/oidc/device/authorize`,
    introspection_endpoint: `${op.url}/api/oidc/introspect`,
    revocation_endpoint: `${op.url}/api/oidc/revoke`,
    jwks_uri: `${op.url}/.well-known/jwks.json`,
    grant_types_supported: ['authorization_code', 'refresh_token', 'urn:ietf:params:oauth:grant-type:device_code', 'client_credentials', 'urn:ietf:params:oauth:grant-type:token-exchange'],
    scopes_supported: ['openid', 'profile', 'email', 'groups', 'offline_access'],
    response_types_supported: ['code'],
    response_modes_supported: ['query', 'fragment', 'form_post', 'jwt', 'query.jwt', 'fragment.jwt', 'form_post.jwt'],
    subject_types_supported: ['public', 'pairwise'],
    acr_values_supported: ['phr', 'phrh'],
    display_values_supported: ['page', 'popup', 'touch'],
    ui_locales_supported: ['en', 'de'],
    claims_parameter_supported: true,
    id_token_signing_alg_values_supported: ['RS256'],
    userinfo_signing_alg_values_supported: ['RS256'],
    authorization_signing_alg_values_supported: ['RS256'],
    authorization_response_iss_parameter_supported: true,
    code_challenge_methods_supported: ['S256'],
    pushed_authorization_request_endpoint: `${op.url}/api/oidc/par`,
    require_pushed_authorization_requests: false,
    request_parameter_supported: true,
    request_object_signing_alg_values_supported: ['RS256', 'RS384', 'RS512', 'PS256', 'ES256', 'ES384', 'ES512', 'EdDSA'],
    request_uri_parameter_supported: false,
    prompt_values_supported: ['none', 'login', 'consent', 'select_account'],
    token_endpoint_auth_methods_supported: ['client_secret_basic', 'client_secret_post', 'private_key_jwt', 'none'],
    token_endpoint_auth_signing_alg_values_supported: ['RS256', 'RS384', 'RS512', 'PS256', 'ES256', 'ES384', 'ES512', 'EdDSA'],
  }
  for (const [field, value] of Object.entries(expected)) assert.deepEqual(d[field], value, field)
  for (const claim of ['sub', 'given_name', 'family_name', 'name', 'display_name', 'email', 'email_verified', 'preferred_username', 'groups', 'locale', 'updated_at', 'auth_time', 'acr', 'amr']) {
    assert.ok(d.claims_supported.includes(claim), `claims_supported has ${claim}`)
  }
  for (const absent of ['client_id_metadata_document_supported', 'registration_endpoint']) {
    assert.equal(d[absent], undefined, `${absent} is not served yet`)
  }
})

test('every endpoint of the discovery document exists', async () => {
  const d = (await op.send({ path: PATHS[0]! })).json()
  for (const field of Object.keys(d).filter((f) => f.endsWith('_endpoint') || f === 'jwks_uri')) {
    const answer = await op.send({ path: new URL(d[field]).pathname })
    assert.notEqual(answer.status, 404, field)
  }
})

test('both metadata paths serve the same document', async () => {
  const [a, b] = await Promise.all(PATHS.map((path) => op.send({ path })))
  assert.equal(a!.text, b!.text)
  assert.equal(b!.status, 200)
})

test('HEAD answers like GET without a body', async () => {
  for (const path of [...PATHS, '/.well-known/jwks.json', '/login', '/healthz']) {
    const head = await op.send({ method: 'HEAD', path })
    const get = await op.send({ path })
    assert.equal(head.status, get.status, path)
    assert.equal(head.raw.length, 0)
    assert.equal(head.header('content-type'), get.header('content-type'), path)
  }
})

test('the key set has public RS256 keys with RFC 7638 thumbprints as kid', async () => {
  const answer = await op.send({ path: '/.well-known/jwks.json' })
  assert.equal(answer.status, 200)
  const { keys } = answer.json()
  assert.equal(keys.length, 1)
  for (const key of keys) {
    assert.deepEqual(Object.keys(key).sort(), ['alg', 'e', 'kid', 'kty', 'n', 'use'], 'no private member')
    assert.equal(key.kty, 'RSA')
    assert.equal(key.alg, 'RS256')
    assert.equal(key.use, 'sig')
    assert.equal(Buffer.from(key.n, 'base64url').length, 256, '2048 bits')
    const thumbprint = crypto.createHash('sha256').update(JSON.stringify({ e: key.e, kty: key.kty, n: key.n })).digest('base64url')
    assert.equal(key.kid, thumbprint)
  }
})

test('the key set is the same after a restart', async () => {
  const before = (await op.send({ path: '/.well-known/jwks.json' })).text
  await op.restart()
  assert.equal((await op.send({ path: '/.well-known/jwks.json' })).text, before)
})

test('s58 metadata and keys may be read from any origin, without credentials', async () => {
  for (const path of [...PATHS, '/.well-known/jwks.json']) {
    const answer = await op.send({ path, headers: { origin: 'https://app.example' } })
    assert.equal(answer.header('access-control-allow-origin'), '*', path)
    assert.equal(answer.header('access-control-allow-credentials'), undefined, path)
    const preflight = await op.send({ method: 'OPTIONS', path, headers: { origin: 'https://app.example', 'access-control-request-method': 'GET' } })
    assert.equal(preflight.status, 204, path)
    assert.equal(preflight.header('access-control-allow-origin'), '*', path)
  }
})

test('s44 the Host header does not reach the metadata', async () => {
  for (const headers of [
    { host: 'evil.example' },
    { 'x-forwarded-host': 'evil.example' },
    { 'x-forwarded-proto': 'https' },
    { forwarded: 'host=evil.example;proto=https' },
    { 'x-original-url': '/login' },
  ] as Record<string, string>[]) {
    const answer = await op.send({ path: PATHS[0]!, headers })
    if (headers.host && answer.status !== 200) assert.ok([400, 421].includes(answer.status), `${answer.status}`)
    else assert.equal(answer.json().issuer, op.url)
    assert.ok(!answer.text.includes('//evil.example'), answer.text.slice(0, 200))
  }
})

test('health, robots and the API description', async () => {
  assert.equal((await op.send({ path: '/healthz' })).status, 204)
  const robots = await op.send({ path: '/robots.txt' })
  assert.equal(robots.status, 200)
  assert.match(robots.text, /^Disallow: \/$/m)
  const api = await op.send({ path: '/api/openapi.json' })
  assert.equal(api.status, 200)
  assert.match(api.json().openapi, /^3\.1\./)
  for (const path of ['/api/oidc/token', '/api/oidc/clients', '/api/oidc/clients/{id}', '/api/users/me']) {
    assert.ok(api.json().paths[path], `${path} is described`)
  }
})

test('wrong methods are refused with Allow', async () => {
  for (const [method, path] of [['POST', '/.well-known/jwks.json'], ['DELETE', '/login'], ['PUT', '/authorize'], ['GET', '/settings/account/passkeys']] as const) {
    const answer = await op.send({ method, path })
    assert.equal(answer.status, 405, `${method} ${path}`)
    assert.ok(answer.header('allow'), `${method} ${path} names what is allowed`)
  }
})
