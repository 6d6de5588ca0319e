// The claims request parameter (OpenID Connect Core §5.5).
import assert from 'node:assert/strict'
import { authorize, createClient, decodeJwt, delivered, getTokens, refresh, request, setupAdmin, signIn, userinfo, type Client, type Person } from '../harness/flows.ts'
import { subject, test } from '../harness/test.ts'

const op = subject()
let admin: Person
let client: Client
let id: string

const fresh = async () => ({ browser: await signIn(op, admin.authenticator), authenticator: admin.authenticator })
const claims = (value: unknown, scope = 'openid') => ({ scope, claims: typeof value === 'string' ? value : JSON.stringify(value) })
const PROTOCOL = ['iss', 'sub', 'aud', 'exp', 'iat', 'rat', 'jti', 'auth_time', 'acr', 'amr', 'nonce', 'at_hash', 'sid', 'type']
const told = (object: object): string[] => Object.keys(object).filter((name) => !PROTOCOL.includes(name)).sort()

test('single claims are told where they were asked for, and after a refresh too', async () => {
  admin = await setupAdmin(op)
  id = (await admin.browser.json('GET', '/api/users/me')).json().id
  client = await createClient(admin.browser, { skipConsent: true })
  const wanted = { userinfo: { email: { essential: true }, updated_at: null, shoe_size: null }, id_token: { given_name: null, auth_time: { essential: true } } }
  const tokens = await getTokens(op, await fresh(), client, claims(wanted))
  assert.equal(tokens.scope, 'openid')
  const payload = decodeJwt(tokens.id_token).payload
  assert.deepEqual(told(payload), ['given_name'])
  assert.ok(Number.isInteger(payload.auth_time))
  const info = (await userinfo(op, tokens.access_token)).json()
  assert.deepEqual(told(info), ['email', 'updated_at'])
  assert.ok(Number.isInteger(info.updated_at))
  const again = (await refresh(op, client, tokens.refresh_token)).json()
  assert.deepEqual(told(decodeJwt(again.id_token).payload), ['given_name'])
  assert.deepEqual(told((await userinfo(op, again.access_token)).json()), ['email', 'updated_at'])
})

test('the consent page names what the claims tell, and nothing is told before', async () => {
  const careful = await createClient(admin.browser, {})
  const one = await fresh()
  await getTokens(op, one, careful, { scope: 'openid' })
  const wanted = claims({ userinfo: { email: null } })
  const silent = await authorize(one.browser, request(careful, { ...wanted, prompt: 'none' }).params)
  assert.equal(delivered(silent, careful.redirectUri).error, 'consent_required')
  const asked = request(careful, wanted)
  let shown = ''
  const denied = await authorize(one.browser, asked.params, { consent: 'deny', seen: (name, page) => { if (name === 'consent') shown = page } })
  assert.match(shown, /See your e-mail address/)
  assert.ok(!/See your profile/.test(shown))
  assert.equal(delivered(denied, careful.redirectUri).error, 'access_denied')
  await getTokens(op, one, careful, wanted)
  const now = await authorize(one.browser, request(careful, { ...wanted, prompt: 'none' }).params)
  assert.ok(delivered(now, careful.redirectUri).code)
})

test('a sub by value is that person or nobody', async () => {
  const one = await fresh()
  for (const [sub, error] of [[id, undefined], ['somebody-else', 'login_required']] as const) {
    const wanted = claims({ id_token: { sub: { value: sub } } })
    const answer = await authorize(one.browser, request(client, { ...wanted, prompt: 'none' }).params)
    assert.equal(delivered(answer, client.redirectUri).error, error)
  }
})

test('malformed claims are an error at the callback, never a page or a fault', async () => {
  const one = await fresh()
  for (const bad of [
    'x', '[]', 'null', '{"userinfo":[]}', '{"userinfo":{"email":1}}', '{"userinfo":{},"userinfo":{}}', '{"userinfo":{"email":null,"email":null}}',
    '{"id_token":{"acr":{"essential":"yes"}}}', `{"userinfo":{"email":${'['.repeat(900)}`, `{}${' '.repeat(4095)}`,
  ]) {
    const answer = await authorize(one.browser, request(client, claims(bad)).params)
    assert.equal(delivered(answer, client.redirectUri).error, 'invalid_request', bad.slice(0, 40))
  }
  for (const fine of ['{}', '{"other":{"x":[]}}', '{"userinfo":null}', '{"id_token":{"unknown":{"value":"x"}}}']) {
    assert.ok(delivered(await authorize(one.browser, request(client, claims(fine)).params), client.redirectUri).code, fine)
  }
})
