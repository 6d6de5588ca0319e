import assert from 'node:assert/strict'
import {
  assertApiError, assertOAuthError, createClient, decodeJwt, getCode, getTokens, redeem, refresh, setupAdmin, signIn, userinfo, type Client, type Person,
} from '../harness/flows.ts'
import { send } from '../harness/http.ts'
import { verifies } from '../harness/jws.ts'
import { subject, test } from '../harness/test.ts'

const op = subject({ env: { KEYS_ALGORITHM: 'ES256' } })
let admin: Person
let client: Client

const fresh = async () => ({ browser: await signIn(op, admin.authenticator), authenticator: admin.authenticator })
const keySet = async () => (await op.send({ path: '/.well-known/jwks.json' })).json() as { keys: any[] }
const api = async (method: string, path: string, body?: unknown) => (await fresh()).browser.json(method, `/api/signing-keys${path}`, body)
const kidOf = (jwt: string): string => decodeJwt(jwt).header.kid

test('s26 the first key signs at once', async () => {
  admin = await setupAdmin(op)
  client = await createClient(admin.browser, { skipConsent: true })
  const tokens = await getTokens(op, await fresh(), client)
  const set = await keySet()
  assert.equal(set.keys.length, 1)
  assert.ok(verifies(tokens.id_token, set))
  const listed = (await api('GET', '')).json()
  assert.deepEqual(listed.map((k: any) => [k.kid, k.alg, k.state]), [[set.keys[0].kid, 'ES256', 'active']])
})

test('s26 an app that cached the keys goes on through a rotation; what was signed before still counts', async () => {
  const before = await getTokens(op, await fresh(), client)
  const next = (await api('POST', '/rotate', {})).json()
  assert.equal(next.state, 'next')
  // A node that read the keys before publishes the new one a minute later at the latest.
  await op.advance(60)
  const cached = await keySet()
  assert.ok(cached.keys.some((k) => k.kid === next.kid), 'published before it signs')
  const still = await getTokens(op, await fresh(), client)
  assert.equal(kidOf(still.id_token), kidOf(before.id_token))
  await op.advance(86_400)
  const tokens = await getTokens(op, await fresh(), client)
  assert.equal(kidOf(tokens.id_token), next.kid)
  assert.equal(kidOf(tokens.access_token), next.kid)
  assert.ok(verifies(tokens.id_token, cached), 'with the keys of a day ago')
  assert.equal((await userinfo(op, tokens.access_token)).status, 200)
  assert.ok(verifies(before.id_token, await keySet()), 'the old key is still published')
  const again = (await refresh(op, client, before.refresh_token)).json()
  assert.ok(verifies(again.id_token, cached))
  // Tokens live an hour; then the old key goes.
  await op.advance(3600 + 180)
  await op.tick()
  await op.advance(60)
  assert.deepEqual((await keySet()).keys.map((k) => k.kid), [next.kid])
})

test('s26 20 rotations at once publish one key', async () => {
  const session = (await fresh()).browser
  const answers = await Promise.all(Array.from({ length: 20 }, () => session.json('POST', '/api/signing-keys/rotate', {})))
  assert.deepEqual([...new Set(answers.map((a) => a.status))], [200], answers.map((a) => a.text).join())
  assert.equal(new Set(answers.map((a) => a.json().kid)).size, 1)
  const states = (await op.sql('SELECT state FROM signing_keys ORDER BY state')).flat()
  assert.deepEqual(states, ['active', 'next'])
  await op.advance(86_400)
  // Everybody who comes now would like to be the one that activates it.
  const sets = await Promise.all(Array.from({ length: 20 }, () => keySet()))
  assert.ok(sets.every((s) => s.keys.length === 2))
  assert.deepEqual((await op.sql('SELECT state FROM signing_keys ORDER BY state')).flat(), ['active', 'retired'])
})

test('s26 emergency: a new key at once, and the tokens of the old one end', async () => {
  const stolen = await getTokens(op, await fresh(), client)
  const old = kidOf(stolen.access_token)
  assertApiError(await api('DELETE', `/${old}`), 409, 'signing_key_in_use')
  const session = (await fresh()).browser
  const answers = await Promise.all(
    Array.from({ length: 10 }, () => session.json('POST', '/api/signing-keys/rotate', { immediately: true })),
  )
  assert.deepEqual([...new Set(answers.map((a) => a.status))], [200], answers.map((a) => a.text).join())
  assert.equal((await op.sql("SELECT kid FROM signing_keys WHERE state = 'active'")).length, 1)
  const tokens = await getTokens(op, await fresh(), client)
  assert.notEqual(kidOf(tokens.access_token), old)
  assert.equal((await userinfo(op, stolen.access_token)).status, 200)
  assert.equal((await api('DELETE', `/${old}`)).status, 204)
  await op.advance(60)
  assert.equal((await userinfo(op, stolen.access_token)).status, 401)
  assert.equal((await userinfo(op, tokens.access_token)).status, 200)
  assert.ok(!(await keySet()).keys.some((k) => k.kid === old))
  assertApiError(await api('DELETE', `/${old}`), 404, 'not_found')
})

test('a client gets ID tokens in the algorithm it is registered with', async () => {
  const made = async (alg: string) => (await fresh()).browser.json('POST', '/api/oidc/clients', { name: 'x', metadata: { id_token_signed_response_alg: alg } })
  assertApiError(await made('RS256'), 400, 'validation_failed')
  const added = await api('POST', '', { alg: 'RS256' })
  assert.equal(added.status, 201, added.text)
  assert.equal(added.json().state, 'next')
  assertApiError(await api('POST', '', { alg: 'RS256' }), 409, 'signing_key_already_exists')
  assert.equal((await api('POST', '', { alg: 'EdDSA', immediately: true })).status, 201)
  await op.advance(600)
  await keySet()
  const discovery = (await op.send({ path: '/.well-known/openid-configuration' })).json()
  assert.deepEqual([...discovery.id_token_signing_alg_values_supported].sort(), ['ES256', 'EdDSA', 'RS256'])
  for (const alg of ['RS256', 'EdDSA', 'ES256']) {
    const app = await createClient((await fresh()).browser, { skipConsent: true, metadata: { id_token_signed_response_alg: alg } })
    const tokens = await getTokens(op, await fresh(), app)
    assert.equal(decodeJwt(tokens.id_token).header.alg, alg)
    assert.equal(decodeJwt(tokens.access_token).header.alg, 'ES256')
    assert.ok(verifies(tokens.id_token, await keySet()), alg)
    assert.equal((await userinfo(op, tokens.access_token)).status, 200)
  }
  // Without a key for it there is an error, and never another algorithm.
  const app = await createClient((await fresh()).browser, { skipConsent: true, metadata: { id_token_signed_response_alg: 'EdDSA' } })
  const eddsa = (await keySet()).keys.find((k) => k.alg === 'EdDSA').kid
  assertApiError(await api('DELETE', `/${eddsa}`), 409, 'signing_key_in_use')
  await op.sql("DELETE FROM signing_keys WHERE alg = 'EdDSA'")
  await op.advance(60)
  assertOAuthError(await redeem(op, await getCode(await fresh(), app)), 500, 'server_error')
})

test('only administrators see and change signing keys', async () => {
  for (const [method, path] of [['GET', ''], ['POST', ''], ['POST', '/rotate'], ['DELETE', '/x']] as const) {
    const answer = await send(op.peer, { method, path: `/api/signing-keys${path}`, headers: { 'content-type': 'application/json' }, body: method === 'GET' ? undefined : '{}' } as any)
    assert.ok(answer.status === 401 || answer.status === 403, `${method} ${path}: ${answer.status}`)
    assert.ok(!answer.text.includes('kid'))
  }
  const listed = await api('GET', '')
  for (const secret of ['private', '"d"', 'pkcs8']) assert.ok(!listed.text.includes(secret), secret)
})
