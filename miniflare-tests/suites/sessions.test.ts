import assert from 'node:assert/strict'
import { ACCOUNTS, Browser, BROWSER, FOREIGN, parseSetCookie, SESSION } from '../harness/browser.ts'
import { answerPasskey, assertErrorPage, setupAdmin, signedIn, signIn, type Person } from '../harness/flows.ts'
import { forms, passkeyForm } from '../harness/html.ts'
import { subject, test } from '../harness/test.ts'
import { startOp } from '../harness/subject.ts'

const op = subject()
let admin: Person
const there = (browser: Browser, location: string) => browser.path(location)

test('the sign-in page carries the challenge and a browser cookie', async () => {
  admin = await setupAdmin(op)
  const browser = new Browser(op)
  const page = await browser.get('/login')
  assert.equal(page.status, 200)
  const { options, ceremony, action, fields } = passkeyForm(page.text)
  assert.equal(ceremony, 'get')
  assert.equal(action, '/login')
  assert.equal(options.rpId, 'localhost')
  assert.equal(options.userVerification, 'required')
  assert.deepEqual(options.allowCredentials ?? [], [], 'usernameless')
  assert.ok(Buffer.from(options.challenge, 'base64url').length >= 16)
  assert.ok(fields.challenge_id)
  assert.equal(fields.response, '')
  const cookies = page.setCookies.map(parseSetCookie)
  assert.deepEqual(cookies.map((c) => c.name), [BROWSER])
  assert.equal(browser.session, undefined, 'no session before sign-in')
})

test('two sign-in pages have different challenges', async () => {
  const [a, b] = await Promise.all([new Browser(op).get('/login'), new Browser(op).get('/login')])
  assert.notEqual(passkeyForm(a.text).options.challenge, passkeyForm(b.text).options.challenge)
})

test('sign-in leads to the account, or to the local path that was asked for', async () => {
  for (const [redirect, expected] of [
    [undefined, '/settings/account'],
    ['/settings/account?x=1', '/settings/account?x=1'],
    ['https://evil.example/', '/settings/account'],
    ['//evil.example/', '/settings/account'],
    ['/\\evil.example/', '/settings/account'],
    ['/\t/evil.example/', '/settings/account'],
    ['javascript:alert(1)', '/settings/account'],
    ['', '/settings/account'],
  ] as const) {
    const browser = new Browser(op)
    const page = await browser.get(redirect === undefined ? '/login' : `/login?redirect=${encodeURIComponent(redirect)}`)
    const answer = await answerPasskey(browser, page.text, admin.authenticator)
    assert.equal(answer.status, 303, answer.text)
    assert.equal(there(browser, answer.location), expected, `for ${redirect}`)
    const posted = new Browser(op)
    const again = await posted.get('/login')
    const other = await answerPasskey(posted, again.text, admin.authenticator, {}, { redirect })
    assert.equal(there(posted, other.location), expected, `posted ${redirect}`)
  }
})

test('a signed-in browser is sent on from /login and from /, unless it asks to authenticate again', async () => {
  const browser = await signIn(op, admin.authenticator)
  for (const path of ['/', '/login', '/login?redirect=/settings/account']) {
    const answer = await browser.get(path)
    assert.equal(answer.status, 303, path)
    assert.equal(there(browser, answer.location), '/settings/account')
  }
  const again = await browser.get('/login?redirect=/settings/account&reauthenticate=1')
  assert.equal(again.status, 200)
  assert.equal(passkeyForm(again.text).ceremony, 'get')
})

test('s39 a new session id at every sign-in, and the old one is dead', async () => {
  const browser = await signIn(op, admin.authenticator)
  const first = browser.session!.value
  const page = await browser.get('/login?reauthenticate=1')
  assert.equal((await answerPasskey(browser, page.text, admin.authenticator)).status, 303)
  const second = browser.session!.value
  assert.notEqual(second, first)
  assert.equal(await signedIn(browser), true)
  browser.session!.value = first
  assert.equal(await signedIn(browser), false, 'the replaced session')
})

test('s39 a session id chosen by an attacker is not adopted', async () => {
  const browser = new Browser(op)
  const fixed = 'A'.repeat(43)
  browser.jar.cookies.set(SESSION, { name: SESSION, value: fixed, path: '/', secure: false, httpOnly: true, sameSite: 'Lax', domain: undefined, maxAge: undefined })
  assert.equal(await signedIn(browser), false)
  const page = await browser.get('/login')
  await answerPasskey(browser, page.text, admin.authenticator)
  assert.notEqual(browser.session!.value, fixed)
  const victim = new Browser(op)
  victim.jar.cookies.set(SESSION, { ...browser.session!, value: fixed })
  assert.equal(await signedIn(victim), false)
})

test('s39 cookies are HttpOnly, SameSite=Lax, host-only, for the whole site', async () => {
  const browser = new Browser(op)
  const page = await browser.get('/login')
  const answer = await answerPasskey(browser, page.text, admin.authenticator)
  const cookies = [...page.setCookies, ...answer.setCookies].map(parseSetCookie)
  assert.deepEqual([...new Set(cookies.map((c) => c.name))].sort(), [ACCOUNTS, BROWSER, SESSION])
  for (const cookie of cookies) {
    assert.equal(cookie.httpOnly, true, cookie.name)
    assert.equal(cookie.sameSite, 'Lax', cookie.name)
    assert.equal(cookie.path, '/', cookie.name)
    assert.equal(cookie.domain, undefined, cookie.name)
    assert.equal(cookie.secure, false, 'Secure would lose the cookie on http')
    assert.ok(cookie.value.length >= 22, 'at least 128 bits')
  }
})

test('s39 under https cookies are Secure with the __Host- prefix, and the plain name is ignored', async () => {
  const secure = await startOp({ appUrl: 'https://id.example.test' })
  try {
    const person = await setupAdmin(secure)
    const names = [...person.browser.jar.cookies.values()]
    assert.deepEqual(names.map((c) => c.name).sort(), [ACCOUNTS, BROWSER, SESSION].map((name) => `__Host-${name}`))
    for (const cookie of names) {
      assert.deepEqual([cookie.secure, cookie.httpOnly, cookie.sameSite, cookie.path, cookie.domain], [true, true, 'Lax', '/', undefined])
    }
    const plain = new Browser(secure)
    plain.jar.cookies.set(SESSION, { ...person.browser.session!, name: SESSION })
    assert.equal(await signedIn(plain), false)
  } finally {
    await secure.stop()
  }
})

test('s39 sign-out ends the session on the server', async () => {
  const browser = await signIn(op, admin.authenticator)
  const stolen = new Browser(op)
  stolen.jar.cookies.set(SESSION, { ...browser.session! })
  assert.equal(await signedIn(stolen), true)
  const answer = await browser.post('/logout', {})
  assert.equal(answer.status, 200)
  assert.equal(browser.session, undefined, 'the cookie is taken back')
  assert.equal(await signedIn(stolen), false)
})

test('s39 disabling a user ends their sessions at once, and enabling does not bring them back', async () => {
  const browser = await signIn(op, admin.authenticator)
  await op.sql("UPDATE users SET disabled = 1 WHERE username = 'ada'")
  try {
    const refused = await browser.json('GET', '/api/users/me')
    assert.ok([401, 403].includes(refused.status), `${refused.status}`)
    const page = await new Browser(op).get('/login')
    assert.equal(page.status, 200)
    const fresh = new Browser(op)
    const answer = await answerPasskey(fresh, (await fresh.get('/login')).text, admin.authenticator)
    assert.equal(answer.status, 403, answer.text)
    assert.equal(fresh.session, undefined)
  } finally {
    await op.sql("UPDATE users SET disabled = 0 WHERE username = 'ada'")
  }
})

test('s40 opening /logout changes nothing, posting from elsewhere is refused', async () => {
  const browser = await signIn(op, admin.authenticator)
  const page = await browser.get('/logout')
  assert.equal(page.status, 200)
  assert.equal(await signedIn(browser), true)
  for (const headers of FOREIGN) {
    assert.equal((await browser.post('/logout', {}, headers)).status, 403, JSON.stringify(headers))
    assert.equal(await signedIn(browser), true)
  }
  const found = forms(page.text).find((f) => f.attributes.action === '/logout')
  assert.equal(found?.attributes.method?.toLowerCase(), 'post')
  assert.equal((await browser.post('/logout', found!.fields)).status, 200)
  assert.equal(await signedIn(browser), false)
})

test('s40 a sign-in posted from another site is refused', async () => {
  for (const headers of FOREIGN) {
    const browser = new Browser(op)
    const page = await browser.get('/login')
    const { options, fields } = passkeyForm(page.text)
    const response = JSON.stringify(admin.authenticator.get(options))
    assert.equal((await browser.post('/login', { ...fields, response }, headers)).status, 403)
    assert.equal(browser.session, undefined)
  }
})

test('s40 GET never changes state: no GET route signs in, signs out or adds', async () => {
  const browser = await signIn(op, admin.authenticator)
  const page = await browser.get('/login?reauthenticate=1')
  const { options, fields } = passkeyForm(page.text)
  const query = new URLSearchParams({ ...fields, response: JSON.stringify(admin.authenticator.get(options)) })
  const fresh = new Browser(op)
  for (const [name, cookie] of browser.jar.cookies) if (name !== SESSION) fresh.jar.cookies.set(name, cookie)
  await fresh.get(`/login?${query}`)
  assert.equal(fresh.session, undefined)
  await browser.get('/logout?confirm=1')
  await browser.get('/api/oidc/end-session')
  const count = await op.sql('SELECT count(*) FROM passkeys')
  await browser.get(`/settings/account/passkeys?${query}`)
  assert.deepEqual(await op.sql('SELECT count(*) FROM passkeys'), count)
  assert.equal(await signedIn(browser), true)
})

test('pages for signed-in people send others to the sign-in page and back', async () => {
  const browser = new Browser(op)
  const answer = await browser.get('/settings/account')
  assert.equal(answer.status, 303)
  const to = new URL(answer.location, op.url)
  assert.equal(to.pathname, '/login')
  assert.equal(to.searchParams.get('redirect'), '/settings/account')
})

test('an unknown page is 404 in HTML, an unknown API path in JSON', async () => {
  assertErrorPage(await new Browser(op).get('/no-such-page'), 404)
  for (const path of ['/api/nothing', '/.well-known/nothing']) {
    const answer = await op.send({ path })
    assert.equal(answer.status, 404)
    assert.equal(answer.json().error, 'API endpoint not found')
  }
})

test('the session slides while it is used and ends when it is not', async () => {
  const browser = await signIn(op, admin.authenticator)
  for (let i = 0; i < 3; i++) {
    await op.advance(50 * 60)
    assert.equal(await signedIn(browser), true, `after ${(i + 1) * 50} minutes of use`)
    // The session is extended after the answer has gone out.
    await new Promise((resolve) => setTimeout(resolve, 200))
  }
  await op.advance(61 * 60)
  assert.equal(await signedIn(browser), false)
  const page = await browser.get('/settings/account')
  assert.equal(page.status, 303)
})

test('a passkey is added within 5 minutes of signing in, later the page offers to sign in again', async () => {
  const browser = await signIn(op, admin.authenticator)
  assert.equal(passkeyForm((await browser.get('/settings/account')).text).action, '/settings/account/passkeys')
  await op.advance(301)
  const later = await browser.get('/settings/account')
  assert.equal(later.status, 200)
  assert.equal(forms(later.text).find((f) => f.attributes.id === 'passkey'), undefined)
  assert.match(later.text.replaceAll('&#38;', '&').replaceAll('&amp;', '&'), /\/login\?redirect=\/settings\/account&reauthenticate=1/)
})

