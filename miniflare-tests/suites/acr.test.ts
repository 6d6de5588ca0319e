// How strongly people sign in: acr_values, an essential acr, and the hints that only shape pages.
import assert from 'node:assert/strict'
import { Authenticator } from '../harness/authenticator.ts'
import { Browser } from '../harness/browser.ts'
import {
  answerPasskey, assertApiError, authorize, authorizePath, createClient, decodeJwt, delivered, getTokens, request, setupAdmin, signIn,
  type Client, type Person,
} from '../harness/flows.ts'
import { step } from '../harness/html.ts'
import { subject, test } from '../harness/test.ts'

const op = subject()
let admin: Person
let client: Client
/** A second passkey of the admin, which stays on its device; the first one is synced. */
let bound: Authenticator

const essential = (...values: string[]): string => JSON.stringify({ id_token: { acr: { essential: true, values } } })
const as = async (authenticator: Authenticator) => ({ browser: await signIn(op, authenticator), authenticator })

/** What the request ends with, and the steps on the way. */
async function ask(person: { browser: Browser; authenticator: Authenticator }, changes: Record<string, string>, app = client) {
  const seen: string[] = []
  const asked = request(app, changes)
  const answer = await authorize(person.browser, asked.params, { authenticator: person.authenticator, seen: (name) => seen.push(name) })
  const params = delivered(answer, app.redirectUri)
  assert.equal(params.state, asked.state)
  return { outcome: params.error ?? (params.code ? 'code' : 'nothing'), seen }
}

test('a synced passkey gives phr, one that stays on its device phrh', async () => {
  admin = await setupAdmin(op)
  client = await createClient(admin.browser, { skipConsent: true })
  bound = new Authenticator(op.url, false)
  const page = await admin.browser.get('/settings/account')
  assert.equal((await answerPasskey(admin.browser, page.text, bound)).status, 303)
  for (const [authenticator, acr, amr] of [[admin.authenticator, 'phr', ['phr', 'swk']], [bound, 'phrh', ['phr', 'hwk']]] as const) {
    const tokens = await getTokens(op, await as(authenticator), client)
    const [id, access] = [decodeJwt(tokens.id_token).payload, decodeJwt(tokens.access_token).payload]
    assert.equal(id.acr, acr)
    assert.deepEqual(id.amr, amr)
    assert.equal(access.acr, acr)
    assert.equal(access.auth_time, id.auth_time)
  }
  const wished = await getTokens(op, await as(bound), client, { acr_values: 'phr phrh' })
  assert.equal(decodeJwt(wished.id_token).payload.acr, 'phr', 'one of those that were asked for')
})

test('acr_values asks once more and then goes on with what there is', async () => {
  const one = await as(admin.authenticator)
  assert.deepEqual(await ask(one, { acr_values: 'phr' }), { outcome: 'code', seen: [] })
  assert.deepEqual(await ask(one, { acr_values: 'phrh' }), { outcome: 'code', seen: ['reauthenticate'] })
  assert.deepEqual(await ask(one, { acr_values: 'phrh', prompt: 'none' }), { outcome: 'code', seen: [] })
  assert.deepEqual(await ask(one, { acr_values: 'urn:mace:incommon:iap:silver 0' }), { outcome: 'code', seen: [] })
  assert.deepEqual(await ask({ ...one, authenticator: bound }, { acr_values: 'phrh' }), { outcome: 'code', seen: ['reauthenticate'] })
  assert.deepEqual(await ask(one, { acr_values: 'phrh' }), { outcome: 'code', seen: [] }, 'the session is a strong one now')
  const strict = await createClient(admin.browser, { skipConsent: true, metadata: { default_acr_values: ['phrh'] } })
  assert.deepEqual((await ask(await as(admin.authenticator), {}, strict)).seen, ['reauthenticate'])
})

test('an essential acr is met, or the app is told that it is not', async () => {
  const one = await as(admin.authenticator)
  const claims = essential('phrh')
  assert.deepEqual(await ask(one, { claims, prompt: 'none' }), { outcome: 'login_required', seen: [] })
  assert.deepEqual(await ask(one, { claims }), { outcome: 'unmet_authentication_requirements', seen: ['reauthenticate'] })
  assert.deepEqual(await ask({ ...one, authenticator: bound }, { claims }), { outcome: 'code', seen: ['reauthenticate'] })
  assert.deepEqual(await ask(one, { claims, prompt: 'none' }), { outcome: 'code', seen: [] })
  const anonymous = { browser: new Browser(op), authenticator: admin.authenticator }
  assert.deepEqual(await ask(anonymous, { claims }), { outcome: 'unmet_authentication_requirements', seen: ['authenticate'] })
  for (const prompt of ['none', 'login']) {
    assert.deepEqual(await ask(anonymous, { claims: essential('urn:x'), prompt }), { outcome: 'unmet_authentication_requirements', seen: [] })
  }
})

test('a request that was refused for its acr is over: its interaction answers nothing more', async () => {
  const browser = new Browser(op)
  const first = await browser.get(authorizePath(request(client, { claims: essential('phrh') }).params))
  const page = await browser.get(first.location)
  assert.equal(step(page.text), 'authenticate')
  assert.match(page.text, /stays on one device/)
  const back = await answerPasskey(browser, page.text, admin.authenticator)
  const refused = await browser.get(back.location)
  assert.equal(delivered(refused, client.redirectUri).error, 'unmet_authentication_requirements')
  assert.equal((await browser.get(back.location)).status, 400)
})

test('default_max_age counts where a request has no max_age', async () => {
  const app = await createClient(admin.browser, { skipConsent: true, metadata: { default_max_age: 100 } })
  const one = await as(admin.authenticator)
  assert.deepEqual((await ask(one, {}, app)).seen, [])
  await op.advance(101)
  assert.deepEqual((await ask(one, { max_age: '1000' }, app)).seen, [])
  assert.deepEqual((await ask(one, {}, app)).seen, ['reauthenticate'])
  const again = await signIn(op, admin.authenticator)
  assertApiError(await again.json('POST', '/api/oidc/clients', { name: 'A', metadata: { default_max_age: -1 } }), 400, 'validation_failed')
})

test('ui_locales chooses the language of the pages, login_hint is shown as text, display changes nothing', async () => {
  const page = async (changes: Record<string, string>, headers: Record<string, string> = {}) => {
    const browser = new Browser(op)
    const first = await browser.get(authorizePath(request(client, changes).params))
    return (await browser.get(first.location, headers)).text
  }
  assert.match(await page({ ui_locales: 'tlh de en' }), /<html lang="de"/)
  assert.match(await page({ ui_locales: 'tlh' }), /<html lang="en"/)
  assert.match(await page({ ui_locales: '"><b>' }), /<html lang="en"/)
  const hinted = await page({ login_hint: 'ada@example.com"><script>', display: 'popup' })
  assert.match(hinted, /ada@example\.com&quot;&gt;&lt;script&gt;/)
  assert.ok(!hinted.includes('"><script>'))
  for (const display of ['page', 'touch', 'wap', 'hologram']) assert.equal(step(await page({ display })), 'authenticate')
})
