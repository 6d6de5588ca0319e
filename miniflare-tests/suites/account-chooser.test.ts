// Several accounts in one browser: who is offered, what choosing does, and what it does not.
import assert from 'node:assert/strict'
import { ACCOUNTS, Browser, FOREIGN, SESSION } from '../harness/browser.ts'
import {
  addPerson, answerPasskey, assertApiError, assertErrorPage, authorizePath, createClient, decodeJwt, delivered, follow, getTokens, press, redeem,
  request, setupAdmin, signedIn, signIn, type Client, type Person, type Request,
} from '../harness/flows.ts'
import { forms, step } from '../harness/html.ts'
import { subject, test } from '../harness/test.ts'
import type { Answer } from '../harness/http.ts'

const op = subject()
let admin: Person
let bob: Person & { id: string }
let client: Client

/** A browser in which ada and then bob have signed in. */
async function both(): Promise<Browser> {
  const browser = await signIn(op, admin.authenticator)
  const page = await browser.get('/login?other=1')
  assert.equal(step(page.text), 'authenticate')
  assert.equal((await answerPasskey(browser, page.text, bob.authenticator)).status, 303)
  return browser
}

const me = async (browser: Browser): Promise<string> => (await browser.json('GET', '/api/users/me')).json().username

/** The buttons that stand for accounts: value and whether it is the current one. */
function offered(page: Answer): { value: string; current: boolean }[] {
  assert.equal(page.status, 200, page.text)
  assert.equal(step(page.text), 'select_account')
  const buttons = forms(page.text)[0]!.controls.filter((c) => c.tag === 'button')
  return buttons
    .filter((b) => b.attributes.name === 'account' || b.attributes.value === 'continue')
    .map((b) => ({ value: b.attributes.value!, current: b.attributes.value === 'continue' }))
}

async function subjectOf(answer: Answer, asked: Request): Promise<string> {
  const code = delivered(answer, client.redirectUri).code
  assert.ok(code, answer.location)
  return decodeJwt((await redeem(op, { code, request: asked, client })).json().id_token).payload.sub
}

/** Opens an authorization request and gives the page that it stops at. */
async function open(browser: Browser, changes: Record<string, string>): Promise<{ page: Answer; asked: Request }> {
  const asked = request(client, changes)
  const first = await browser.get(authorizePath(asked.params))
  return { page: browser.owns(first.location) ? await browser.get(first.location) : first, asked }
}

test('signing in as somebody else leaves the first session beside it', async () => {
  admin = await setupAdmin(op)
  bob = await addPerson(op, admin, 'bob')
  client = await createClient(admin.browser, { skipConsent: true })
  const browser = await both()
  assert.equal(await me(browser), 'bob')
  const page = await browser.get('/accounts')
  assert.deepEqual(offered(page).map((o) => o.current), [false, true])
  assert.match(page.text, /Ada Lovelace/)
  assert.match(page.text, /ada@example\.com/)
  assert.match(page.text, /Bob Babbage/)
})

test('s39 choosing replaces the cookie by a new secret; the session and its id stay', async () => {
  const browser = await both()
  const before = new Map([...browser.jar.cookies].map(([name, c]) => [name, c.value]))
  const [ada] = offered(await browser.get('/accounts'))
  const answer = await browser.post('/accounts', { account: ada!.value })
  assert.equal(answer.status, 303)
  assert.equal(browser.path(answer.location), '/settings/account')
  assert.equal(await me(browser), 'ada')
  const after = browser.session!.value
  assert.notEqual(after, before.get(SESSION))
  const rows = (await browser.json('GET', '/api/users/me/sessions')).json()
  assert.equal(rows.find((s: any) => s.current).id, ada!.value)
  // choosing again makes the secret of before worthless
  const bobs = offered(await browser.get('/accounts')).find((o) => !o.current)!
  await browser.post('/accounts', { account: bobs.value })
  assert.equal(await me(browser), 'bob')
  const old = new Browser(op)
  old.jar.cookies.set(SESSION, { ...browser.session!, value: before.get(SESSION)! })
  assert.equal(await signedIn(old), false, 'the cookie that bob had before')
})

test('s39 nobody reaches an account of another browser, also who planted the cookies there', async () => {
  const mallory = await addPerson(op, admin, 'mallory')
  const victim = new Browser(op)
  for (const [name, cookie] of mallory.browser.jar.cookies) victim.jar.cookies.set(name, { ...cookie })
  const page = await victim.get('/login?reauthenticate=1')
  assert.equal((await answerPasskey(victim, page.text, admin.authenticator)).status, 303)
  assert.equal(await me(victim), 'ada')
  const sid = (await victim.json('GET', '/api/users/me/sessions')).json().find((s: any) => s.current).id
  assert.equal(offered(await mallory.browser.get('/accounts')).length, 1)
  const answer = await mallory.browser.post('/accounts', { account: sid })
  assert.equal(mallory.browser.path(answer.location), '/accounts?redirect=%2Fsettings%2Faccount')
  assert.deepEqual(answer.setCookies, [])
  assert.equal(await me(mallory.browser), 'mallory')
})

test('s40 the chooser takes forms of its own pages only', async () => {
  const browser = await both()
  const [ada] = offered(await browser.get('/accounts'))
  for (const headers of FOREIGN) assertErrorPage(await browser.post('/accounts', { account: ada!.value }, headers), 403)
  assert.equal(await me(browser), 'bob')
  await browser.get(`/accounts?account=${ada!.value}`)
  assert.equal(await me(browser), 'bob', 'GET chooses nothing')
})

test('prompt=select_account: each account gives its own code, and another one can sign in', async () => {
  const browser = await both()
  const first = await open(browser, { prompt: 'select_account' })
  const current = await follow(browser, await press(browser, first.page.text, 'continue'))
  assert.equal(await subjectOf(current, first.asked), bob.id)
  const second = await open(browser, { prompt: 'select_account' })
  const other = offered(second.page).find((o) => !o.current)!
  const chosen = await follow(browser, await press(browser, second.page.text, other.value))
  assert.notEqual(await subjectOf(chosen, second.asked), bob.id)
  assert.equal(await me(browser), 'ada')
  const third = await open(browser, { prompt: 'select_account' })
  const switched = await press(browser, third.page.text, 'switch_account')
  const carol = await addPerson(op, admin, 'carol')
  const answer = await follow(browser, switched, { authenticator: carol.authenticator })
  assert.equal(await subjectOf(answer, third.asked), carol.id)
  assert.equal(offered(await browser.get('/accounts')).length, 3)
})

test('max_age and prompt=login apply to the account that was chosen', async () => {
  const asks: Record<string, string>[] = [{ prompt: 'select_account', max_age: '60' }, { prompt: 'select_account login' }]
  for (const changes of asks) {
    const browser = await signIn(op, admin.authenticator)
    await op.advance(100)
    const page = await browser.get('/login?other=1')
    await answerPasskey(browser, page.text, bob.authenticator)
    const { page: chooser, asked } = await open(browser, changes)
    const ada = offered(chooser).find((o) => !o.current)!
    const steps: string[] = []
    const answer = await follow(browser, await press(browser, chooser.text, ada.value), {
      authenticator: admin.authenticator,
      seen: (s) => steps.push(s),
    })
    assert.deepEqual(steps, ['reauthenticate'], JSON.stringify(changes))
    assert.notEqual(await subjectOf(answer, asked), bob.id)
  }
})

test('s09 prompt=none takes the current account; without one, or with a hint at another, a choice is asked for', async () => {
  const browser = await both()
  const silent = (await open(browser, { prompt: 'none' }))
  assert.equal(await subjectOf(silent.page, silent.asked), bob.id)
  const elsewhere = { browser: await signIn(op, admin.authenticator), authenticator: admin.authenticator }
  const hint = (await getTokens(op, elsewhere, client)).id_token
  const hinted = await open(browser, { prompt: 'none', id_token_hint: hint })
  assert.equal(delivered(hinted.page, client.redirectUri).error, 'account_selection_required')
  const shown = await open(browser, { id_token_hint: hint })
  assert.deepEqual(offered(shown.page).map((o) => o.current), [false])
  await browser.post('/logout', {})
  const none = await open(browser, { prompt: 'none' })
  assert.equal(delivered(none.page, client.redirectUri).error, 'account_selection_required')
})

test('accounts that are signed out of, expired, disabled or gone are not offered', async () => {
  const dora = await addPerson(op, admin, 'dora')
  const ways: [string, () => Promise<unknown>][] = [
    ['ended', async () => admin.browser.json('DELETE', `/api/users/${dora.id}/sessions`, {})],
    ['disabled', async () => op.sql(`UPDATE users SET disabled = 1 WHERE id = '${dora.id}'`)],
  ]
  for (const [way, act] of ways) {
    const browser = await signIn(op, dora.authenticator)
    const page = await browser.get('/login?other=1')
    await answerPasskey(browser, page.text, bob.authenticator)
    const other = offered(await browser.get('/accounts')).find((o) => !o.current)!
    await act()
    assert.equal(offered(await browser.get('/accounts')).length, 1, way)
    const answer = await browser.post('/accounts', { account: other.value })
    assert.equal(new URL(answer.location, op.url).pathname, '/accounts', way)
    assert.equal(await me(browser), 'bob', way)
  }
})

test('signing out ends the current account, or all of this browser', async () => {
  const browser = await both()
  assert.match((await browser.get('/logout')).text, /name="all" value="1"/)
  await browser.post('/logout', {})
  assert.equal(await signedIn(browser), false)
  const left = offered(await browser.get('/accounts'))
  assert.equal(left.length, 1)
  await browser.post('/accounts', { account: left[0]!.value })
  assert.equal(await me(browser), 'ada')
  const two = await both()
  const away = await signIn(op, bob.authenticator)
  assert.equal((await two.post('/logout', { all: '1' })).status, 200)
  assert.equal(two.jar.cookies.has(ACCOUNTS), false)
  const answer = await two.get('/accounts')
  assert.equal(new URL(answer.location, op.url).pathname, '/login')
  assert.equal(await signedIn(away), true, 'another browser of the same person')
})

test('s48 people see and end their own sessions, admins those of anybody', async () => {
  const eve = await addPerson(op, admin, 'eve')
  const phone = await signIn(op, eve.authenticator)
  const list = (await phone.json('GET', '/api/users/me/sessions')).json()
  assert.equal(list.length, 2)
  assert.deepEqual(Object.keys(list[0]).sort(), ['createdAt', 'current', 'id', 'ip', 'lastSeenAt', 'userAgent'])
  assert.equal(list.filter((s: any) => s.current).length, 1)
  const other = list.find((s: any) => !s.current).id
  assertApiError(await bob.browser.json('DELETE', `/api/users/me/sessions/${other}`, {}), 404, 'not_found')
  assertApiError(await bob.browser.json('GET', `/api/users/${eve.id}/sessions`), 403, 'forbidden')
  assertApiError(await bob.browser.json('DELETE', `/api/users/${eve.id}/sessions`, {}), 403, 'forbidden')
  assert.equal((await phone.json('DELETE', `/api/users/me/sessions/${other}`, {})).status, 204)
  assert.equal(await signedIn(eve.browser), false)
  assert.equal((await admin.browser.json('GET', `/api/users/${eve.id}/sessions`)).json().length, 1)
  assert.equal((await admin.browser.json('DELETE', `/api/users/${eve.id}/sessions`, {})).status, 204)
  assert.equal(await signedIn(phone), false)
})
