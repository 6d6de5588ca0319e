import assert from 'node:assert/strict'
import * as oc from 'openid-client'
import type { Browser } from '../harness/browser.ts'
import { addPerson, assertApiError, assertOAuthError, basic, createClient, decodeJwt, press, setupAdmin, signIn, token, userinfo, type Client, type Person } from '../harness/flows.ts'
import { step } from '../harness/html.ts'
import { form, type Answer } from '../harness/http.ts'
import { subject, test } from '../harness/test.ts'

const op = subject()
const GRANT = 'urn:ietf:params:oauth:grant-type:device_code'
let admin: Person
let client: Client

interface Begun { device_code: string; user_code: string; verification_uri: string; verification_uri_complete: string; expires_in: number; interval: number }

const ask = (c: Client, fields: Record<string, string>): Promise<Answer> => op.send({
  method: 'POST', path: '/api/oidc/device/authorize',
  headers: { 'content-type': 'application/x-www-form-urlencoded', ...(c.secret ? { authorization: basic(c.id, c.secret) } : {}) },
  body: form(c.secret ? fields : { client_id: c.id, ...fields }),
})

async function begin(c = client, fields: Record<string, string> = { scope: 'openid email', nonce: 'n-0' }): Promise<Begun> {
  const answer = await ask(c, fields)
  assert.equal(answer.status, 200, answer.text)
  return answer.json()
}

const poll = (begun: Begun, c = client) => token(op, c, { grant_type: GRANT, device_code: begun.device_code })

/** Enters a code and gives the page that follows. */
async function enter(browser: Browser, code: string): Promise<Answer> {
  const answer = await browser.post('/device', { user_code: code })
  return answer.status === 303 ? browser.get(answer.location) : answer
}

async function decide(browser: Browser, begun: Begun, action: string): Promise<Answer> {
  const page = await enter(browser, begun.user_code)
  assert.equal(step(page.text), 'device', page.text)
  const answer = await press(browser, page.text, action)
  return answer.status === 303 ? browser.get(answer.location) : answer
}

test('s20 a device is connected', async () => {
  admin = await setupAdmin(op)
  client = await createClient(admin.browser, { name: 'Living room' })
  const begun = await begin()
  assert.match(begun.user_code, /^E[ABCDEFGHJKMNPQRSTUVWXYZ0-9]{7}$/)
  assert.equal(begun.verification_uri, `${op.url}/device`)
  assert.equal(begun.verification_uri_complete, `${op.url}/device?user_code=${begun.user_code}`)
  assert.deepEqual([begun.expires_in, begun.interval], [900, 5])
  assertOAuthError(await poll(begun), 400, 'authorization_pending')
  assertOAuthError(await poll(begun), 400, 'slow_down')
  const browser = await signIn(op, admin.authenticator)
  const linked = await browser.get(begun.verification_uri_complete)
  assert.equal(step(linked.text), 'device_code')
  assert.ok(!linked.text.includes('Living room'), 'a link alone tells nothing')
  const page = await enter(browser, begun.user_code.toLowerCase().replace(/(.{4})/, '$1-'))
  assert.equal(step(page.text), 'device')
  assert.ok(page.text.includes('Living room'))
  const done = await decide(browser, begun, 'allow')
  assert.equal(step(done.text), 'device_done')
  const answer = await poll(begun)
  assert.equal(answer.status, 200, answer.text)
  assert.equal(decodeJwt(answer.json().id_token).payload.nonce, 'n-0')
  assert.equal((await userinfo(op, answer.json().access_token)).json().email, 'ada@example.com')
  await browser.post('/logout', {})
  assert.equal((await userinfo(op, answer.json().access_token)).status, 401, 'the session that allowed it has ended')
})

test('s20 fifty parallel polls of one code give tokens once', async () => {
  const begun = await begin()
  await decide(await signIn(op, admin.authenticator), begun, 'allow')
  const answers = await Promise.all(Array.from({ length: 50 }, () => poll(begun)))
  const good = answers.filter((a) => a.status === 200)
  assert.equal(good.length, 1)
  for (const bad of answers.filter((a) => a.status !== 200)) assertOAuthError(bad, 400, 'invalid_grant')
  assert.equal((await userinfo(op, good[0]!.json().access_token)).status, 200)
})

test('s20 two people at once: one has the decision', async () => {
  const bob = await addPerson(op, admin, 'bob')
  const begun = await begin()
  const ada = await signIn(op, admin.authenticator)
  const answers = await Promise.all(Array.from({ length: 16 }, (_, n) => (n % 2 ? bob.browser : ada).post('/device', { user_code: begun.user_code })))
  const winners = new Set(answers.flatMap((a, n) => (a.status === 303 ? [n % 2] : [])))
  assert.equal(winners.size, 1)
  const loser = winners.has(0) ? bob.browser : ada
  const answer = await loser.post('/device', { user_code: begun.user_code, action: 'allow' })
  assert.equal(step((await loser.get(answer.location)).text), 'device_code')
  assertApiError(await loser.json('POST', `/api/oidc/device/verify?code=${begun.user_code}`, {}), 400, 'oidc_invalid_device_code')
  assertOAuthError(await poll(begun), 400, 'authorization_pending')
})

test('s20 denied, expired, of another client', async () => {
  const browser = await signIn(op, admin.authenticator)
  const denied = await begin()
  await decide(browser, denied, 'deny')
  assertOAuthError(await poll(denied), 400, 'access_denied')
  const late = await begin()
  const other = await createClient(admin.browser)
  assertOAuthError(await poll(late, other), 400, 'invalid_grant')
  await op.advance(901)
  assertOAuthError(await poll(late), 400, 'expired_token')
})

test('s20 wrong codes run out', async () => {
  const browser = await signIn(op, admin.authenticator)
  const wrong = await Promise.all(Array.from({ length: 15 }, (_, n) => browser.json('GET', `/api/oidc/device/info?code=EAAAAA${10 + n}`)))
  assert.deepEqual([wrong.filter((a) => a.status === 400).length, wrong.filter((a) => a.status === 429).length], [10, 5])
  await op.advance(901)
})

test('s20 the JSON API allows once', async () => {
  const browser = await signIn(op, admin.authenticator)
  const begun = await begin()
  const info = await browser.json('GET', `/api/oidc/device/info?code=${begun.user_code}`)
  assert.equal(info.status, 200, info.text)
  assert.deepEqual(info.json().scope, ['openid', 'email'])
  assert.equal(info.json().client.name, 'Living room')
  const verify = () => browser.json('POST', `/api/oidc/device/verify?code=${begun.user_code}`, {})
  assert.equal((await verify()).status, 204)
  assertApiError(await verify(), 400, 'oidc_invalid_device_code')
  assert.equal((await poll(begun)).status, 200)
})

test('openid-client: a public client polls until the person has allowed it', async () => {
  const open = await createClient(admin.browser, { isPublic: true })
  const config = await oc.discovery(new URL(op.url), open.id, undefined, oc.None(), { execute: [oc.allowInsecureRequests] })
  const begun = await oc.initiateDeviceAuthorization(config, { scope: 'openid email' })
  await decide(await signIn(op, admin.authenticator), begun as unknown as Begun, 'allow')
  const tokens = await oc.pollDeviceAuthorizationGrant(config, begun)
  assert.ok(tokens.claims()!.sub)
  assert.equal((await oc.fetchUserInfo(config, tokens.access_token, tokens.claims()!.sub)).email, 'ada@example.com')
})
