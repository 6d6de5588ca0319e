import assert from 'node:assert/strict'
import { Browser } from '../harness/browser.ts'
import {
  addPerson, assertOAuthError, createClient, decodeJwt, getTokens, joinJwt, refresh, setupAdmin, signedIn, signIn, userinfo,
  type Client, type Person,
} from '../harness/flows.ts'
import { form } from '../harness/http.ts'
import { subject, test } from '../harness/test.ts'

const op = subject()
const BYE = 'http://127.0.0.1:9/signed-out'
let admin: Person
let client: Client
let other: Client

const end = (browser: Browser, params: Record<string, string>) => browser.get(`/api/oidc/end-session?${form(params)}`)
const person = async () => ({ browser: await signIn(op, admin.authenticator), authenticator: admin.authenticator })

/** It asked: nothing has happened, and the person is at the sign-out page. */
async function assertAsked(browser: Browser, answer: Awaited<ReturnType<typeof end>>): Promise<void> {
  if (answer.status === 303 || answer.status === 302) assert.equal(new URL(answer.location, op.url).pathname, '/logout')
  else assert.equal(answer.status, 200, answer.text)
  assert.equal(answer.headers.location?.includes('127.0.0.1:9') ?? false, false)
  assert.equal(await signedIn(browser), true)
}

test('a right hint ends the session and hands the person back with state', async () => {
  admin = await setupAdmin(op)
  client = await createClient(admin.browser, { logoutCallbackURLs: [BYE, `${BYE}/2`] })
  other = await createClient(admin.browser, { logoutCallbackURLs: [`${BYE}/other`] })
  const one = await person()
  const tokens = await getTokens(op, one, client)
  const answer = await end(one.browser, { id_token_hint: tokens.id_token, post_logout_redirect_uri: `${BYE}/2`, state: 'a b&c=d' })
  assert.ok([302, 303].includes(answer.status), answer.text)
  assert.equal(answer.location, `${BYE}/2?state=a+b%26c%3Dd`)
  assert.equal(await signedIn(one.browser), false)
})

test('POST works as GET does', async () => {
  const one = await person()
  const tokens = await getTokens(op, one, client)
  const answer = await one.browser.post('/api/oidc/end-session', { id_token_hint: tokens.id_token, post_logout_redirect_uri: BYE }, { origin: undefined, 'sec-fetch-site': 'cross-site' })
  assert.ok([302, 303].includes(answer.status), answer.text)
  assert.equal(answer.location, BYE)
  assert.equal(await signedIn(one.browser), false)
})

test('without a requested address the first registered one is used', async () => {
  const one = await person()
  const tokens = await getTokens(op, one, client)
  assert.equal((await end(one.browser, { id_token_hint: tokens.id_token })).location, BYE)
})

test('an expired hint still works (OpenID Connect RP-Initiated Logout §2)', async () => {
  const before = await getTokens(op, await person(), client)
  await op.advance(7200)
  const one = await person()
  const answer = await end(one.browser, { id_token_hint: before.id_token, client_id: client.id, post_logout_redirect_uri: BYE })
  assert.equal(answer.location, BYE)
  assert.equal(await signedIn(one.browser), false)
})

test('s40 without a hint it asks first', async () => {
  const one = await person()
  await assertAsked(one.browser, await end(one.browser, {}))
  await assertAsked(one.browser, await end(one.browser, { client_id: client.id, post_logout_redirect_uri: BYE }))
})

test('s40 a forged or foreign hint ends nothing', async () => {
  const one = await person()
  const tokens = await getTokens(op, one, client)
  const { header, payload, signature } = decodeJwt(tokens.id_token)
  const hints: Record<string, string> = {
    garbage: 'garbage',
    'alg none': joinJwt({ ...header, alg: 'none' }, payload, ''),
    'changed subject': joinJwt(header, { ...payload, sub: 'someone' }, Buffer.from(signature, 'base64url')),
    'changed issuer': joinJwt(header, { ...payload, iss: 'https://evil.example' }, Buffer.from(signature, 'base64url')),
    's25 an access token': tokens.access_token,
    's25 a refresh token': tokens.refresh_token,
  }
  for (const [what, hint] of Object.entries(hints)) {
    const answer = await end(one.browser, { id_token_hint: hint, post_logout_redirect_uri: BYE })
    await assertAsked(one.browser, answer).catch((error: Error) => assert.fail(`${what}: ${error.message}`))
  }
})

test('s40 a hint about another person or for another client ends nothing', async () => {
  const bob = await addPerson(op, admin, 'bob')
  const bobs = await getTokens(op, bob, client)
  const one = await person()
  await assertAsked(one.browser, await end(one.browser, { id_token_hint: bobs.id_token, post_logout_redirect_uri: BYE }))
  const tokens = await getTokens(op, one, client)
  await assertAsked(one.browser, await end(one.browser, { id_token_hint: tokens.id_token, client_id: other.id, post_logout_redirect_uri: `${BYE}/other` }))
})

test('s03 an address that is not registered is never gone to', async () => {
  for (const address of ['https://evil.example/', `${BYE}/3`, `${BYE}?x=1`, `${BYE}/other`, 'javascript:alert(1)', `http://127.0.0.1:9@evil.example/signed-out`]) {
    const one = await person()
    const tokens = await getTokens(op, one, client)
    const answer = await end(one.browser, { id_token_hint: tokens.id_token, post_logout_redirect_uri: address })
    const location = answer.headers.location
    assert.ok(location === undefined || new URL(location, op.url).origin === op.url, `${address} → ${location}`)
    assert.ok(answer.status === 200 || answer.status === 302 || answer.status === 303 || answer.status === 400, `${answer.status}`)
  }
})

test('s16 sign-out by the app revokes the tokens of its grant, those of other apps live on', async () => {
  const one = await person()
  const mine = await getTokens(op, one, client)
  const theirs = await getTokens(op, await person(), other)
  await end(one.browser, { id_token_hint: mine.id_token, post_logout_redirect_uri: BYE })
  assertOAuthError(await refresh(op, client, mine.refresh_token), 400, 'invalid_grant')
  assert.equal((await userinfo(op, mine.access_token)).status, 401)
  assert.equal((await refresh(op, other, theirs.refresh_token)).status, 200)
})

test('s05 duplicated parameters end nothing', async () => {
  const one = await person()
  const tokens = await getTokens(op, one, client)
  const answer = await one.browser.get(`/api/oidc/end-session?${form([['id_token_hint', tokens.id_token], ['post_logout_redirect_uri', 'https://evil.example/'], ['post_logout_redirect_uri', BYE]])}`)
  assert.ok(!(answer.headers.location ?? '').startsWith('http://127.0.0.1:9'))
  assert.ok(!(answer.headers.location ?? '').startsWith('https://evil'))
  assert.equal(await signedIn(one.browser), true)
})

test('without a session a right hint still leads back to the app', async () => {
  const one = await person()
  const tokens = await getTokens(op, one, client)
  assert.equal((await end(new Browser(op), { id_token_hint: tokens.id_token, post_logout_redirect_uri: BYE, state: 'x' })).location, `${BYE}?state=x`)
})
