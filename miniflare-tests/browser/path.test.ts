// What a person does, in a real browser: set-up, passkeys, an app, sign-out.
import assert from 'node:assert/strict'
import { after, before } from 'node:test'
import type { BrowserContext, Page } from 'playwright-core'
import { chromiumForTests, complaints, VirtualAuthenticator } from '../harness/chromium.ts'
import type { Client } from '../harness/flows.ts'
import { startRp, type Rp } from '../harness/rp.ts'
import { startOp } from '../harness/subject.ts'
import { subject, test } from '../harness/test.ts'

const op = subject()
const browser = chromiumForTests()
let rp: Rp
let context: BrowserContext
let page: Page
let key: VirtualAuthenticator
let said: string[]

before(async () => {
  rp = await startRp()
  context = await browser.context()
  page = await context.newPage()
  key = await VirtualAuthenticator.add(page)
  said = complaints(page)
})
after(async () => {
  await context?.close()
  await rp?.stop()
})

const main = () => page.locator('main')
const step = () => main().getAttribute('data-step')
const submit = () => page.locator('form#passkey button[type=submit]')
const signOut = async () => {
  await page.goto(`${op.url}/logout`)
  await page.locator('form[action="/logout"] button').click()
  await page.waitForSelector('main[data-step=signed_out]')
}

/** Waits until the page offers autofill; a touch that comes later goes to the button. */
const offered = async (p: Page) => {
  await p.waitForSelector('form#passkey[data-autofill]', { state: 'attached' })
  await new Promise((resolve) => setTimeout(resolve, 200))
}

/** Registers a client for the RP through the admin's session in this browser. */
async function client(fields: Record<string, unknown> = {}): Promise<Client> {
  const call = async (path: string, data: unknown) => {
    const answer = await context.request.post(`${op.url}${path}`, { data, headers: { origin: op.url } })
    assert.equal(answer.status(), 201, await answer.text())
    return answer.json()
  }
  const made = await call('/api/oidc/clients', { name: 'Browser app', callbackURLs: [rp.callback], logoutCallbackURLs: [rp.signedOut], ...fields })
  const secret = made.isPublic ? undefined : (await call(`/api/oidc/clients/${made.id}/secrets`, {})).secret
  return { id: made.id, secret, redirectUri: rp.callback }
}

test('the root leads to the sign-in page, /setup makes the first account with a passkey', async () => {
  await page.goto(op.url)
  assert.equal(new URL(page.url()).pathname, '/login')
  await page.goto(`${op.url}/setup`)
  await page.fill('[name=username]', 'ada')
  await page.fill('[name=firstName]', 'Ada')
  await page.fill('[name=lastName]', 'Lovelace')
  await page.fill('[name=email]', 'ada@example.com')
  await submit().click()
  await page.waitForURL(`${op.url}/settings/account`)
  assert.match(await main().innerText(), /Ada Lovelace/)
  assert.equal(await page.locator('ul.passkeys li').count(), 1)
  assert.equal((await key.credentials()).length, 1)
})

test('the same authenticator is not registered twice, and the page says why', async () => {
  await submit().click()
  await page.waitForFunction(() => (document.querySelector('#problem')?.textContent ?? '') !== '')
  assert.equal(new URL(page.url()).pathname, '/settings/account')
  assert.equal(await page.locator('ul.passkeys li').count(), 1)
  assert.equal((await key.credentials()).length, 1)
})

test('a second passkey is added and the first one still listed', async () => {
  await key.replace()
  await submit().click()
  await page.waitForFunction(() => document.querySelectorAll('ul.passkeys li').length === 2)
  assert.equal(new URL(page.url()).pathname, '/settings/account')
})

test('sign-out asks and then ends the session', async () => {
  await page.goto(`${op.url}/settings/account`)
  await page.locator('a[href="/logout"]').click()
  assert.equal(await step(), 'sign_out')
  await page.locator('form[action="/logout"] button').click()
  await page.waitForSelector('main[data-step=signed_out]')
  // With a simulated touch the sign-in page would sign in by autofill at once.
  await key.presence(false)
  await page.goto(`${op.url}/settings/account`)
  assert.equal(new URL(page.url()).pathname, '/login')
})

test('sign-in by the button', async () => {
  await page.goto(`${op.url}/login`)
  await offered(page)
  await key.presence(true)
  await submit().click()
  await page.waitForURL(`${op.url}/settings/account`)
})

test('sign-in by autofill, without a click', async () => {
  await signOut()
  await page.goto(`${op.url}/login`)
  await page.waitForURL(`${op.url}/settings/account`)
})

test('a cancelled prompt leaves a sentence and a page that still works', async () => {
  await signOut()
  await key.presence(false)
  await page.goto(`${op.url}/login`)
  await offered(page)
  await key.recognises(false)
  await key.presence(true)
  await submit().click()
  await page.waitForFunction(() => (document.querySelector('#problem')?.textContent ?? '') !== '')
  assert.equal(new URL(page.url()).pathname, '/login')
  assert.equal(await submit().isEnabled(), true)
  await key.recognises(true)
  await submit().click()
  await page.waitForURL(`${op.url}/settings/account`)
})

test('a page left open longer than its challenge lives still signs in', async () => {
  await signOut()
  await key.presence(false)
  await page.goto(`${op.url}/login`)
  await offered(page)
  await op.advance(301)
  await key.presence(true)
  await submit().click()
  await page.waitForLoadState()
  await page.waitForFunction(() => location.pathname === '/settings/account' || document.querySelector('#problem')?.textContent)
  if (new URL(page.url()).pathname === '/login') {
    await submit().click()
    await page.waitForURL(`${op.url}/settings/account`)
  }
})

test('an app signs the person in: consent, tokens, userinfo, and signs out again', async () => {
  await rp.configure(op.url, await client())
  await page.goto(rp.url)
  await page.getByRole('link', { name: 'Sign in' }).click()
  assert.equal(await step(), 'consent')
  assert.match(await main().innerText(), /Browser app/)
  await page.locator('button[value=allow]').click()
  await page.waitForURL((url) => url.origin === rp.url)
  assert.equal(await page.locator('#name').innerText(), 'ada')
  assert.equal(rp.last()!.userinfo.email, 'ada@example.com')
  assert.equal(rp.last()!.claims.iss, op.url)
  await page.goto(`${rp.url}/login`)
  await page.waitForURL((url) => url.pathname === '/callback')
  assert.equal(await page.locator('#name').innerText(), 'ada', 'the second time nothing is asked')
  await page.getByRole('link', { name: 'Sign out' }).click()
  await page.waitForURL((url) => url.pathname === '/signed-out')
  assert.equal(await page.locator('#state').innerText(), 'bye')
  await page.goto(`${op.url}/settings/account`)
  assert.equal(new URL(page.url()).pathname, '/login')
})

test('a person who is not signed in comes from the app, signs in by autofill and lands in the app', async () => {
  await page.goto(`${rp.url}/login`)
  await page.waitForURL((url) => url.pathname === '/callback')
  assert.equal(await page.locator('#name').innerText(), 'ada')
})

test('the passkey form of an interaction may end at the app (form-action)', async () => {
  const quiet = await client({ skipConsent: true, name: 'Quiet app' })
  await rp.configure(op.url, quiet)
  await signOut()
  await key.presence(false)
  await page.goto(`${rp.url}/login`)
  assert.equal(await step(), 'authenticate')
  assert.match(await main().innerText(), /Quiet app/)
  await offered(page)
  await key.presence(true)
  await submit().click()
  await page.waitForURL((url) => url.pathname === '/callback')
  assert.equal(await page.locator('#name').innerText(), 'ada')
})

test('form_post reaches the app by itself, and by a button without script', async () => {
  await page.goto(`${rp.url}/login?response_mode=form_post`)
  await page.waitForURL((url) => url.pathname === '/callback')
  assert.equal(await page.locator('#name').innerText(), 'ada')
  const quietly = await browser.context({ javaScriptEnabled: false, storageState: await context.storageState() })
  try {
    const plain = await quietly.newPage()
    await plain.goto(`${rp.url}/login?response_mode=form_post`)
    assert.equal(await plain.locator('main').getAttribute('data-step'), 'form_post')
    await plain.locator('form button').click()
    await plain.waitForURL((url) => url.pathname === '/callback')
    assert.equal(await plain.locator('#name').innerText(), 'ada')
  } finally {
    await quietly.close()
  }
})

test('saying no, changing the account and being asked again', async () => {
  await rp.configure(op.url, await client({ name: 'Other app' }))
  await page.goto(`${rp.url}/login`)
  await page.locator('button[value=deny]').click()
  await page.waitForURL((url) => url.origin === rp.url)
  assert.equal(await page.locator('#error').innerText(), 'access_denied')
  await page.goto(`${rp.url}/login?prompt=select_account`)
  assert.equal(await step(), 'select_account')
  await page.locator('button[value=continue]').click()
  await page.waitForSelector('main[data-step=consent]')
  await key.presence(false)
  await page.locator('button[value=switch_account]').click()
  await offered(page)
  await key.presence(true)
  await submit().click()
  await page.waitForSelector('main[data-step=consent]')
  await page.locator('button[value=allow]').click()
  await page.waitForURL((url) => url.origin === rp.url)
  assert.equal(await page.locator('#name').innerText(), 'ada')
})

test('an error in the app’s request is a page that says so', async () => {
  await page.goto(`${op.url}/authorize?client_id=nobody&redirect_uri=https://evil.example&response_type=code`)
  assert.equal(await step(), 'error')
  assert.ok((await main().innerText()).length > 40)
})

test('everything by keyboard alone', async () => {
  const other = await browser.context()
  try {
    const p = await other.newPage()
    const k = await VirtualAuthenticator.add(p)
    const second = await startOp()
    try {
      await p.goto(`${second.url}/setup`)
      const focusOn = async (selector: string) => {
        for (let i = 0; i < 30; i++) {
          if (await p.evaluate((s) => document.activeElement?.matches(s) ?? false, selector)) {
            const outline = await p.evaluate(() => {
              const s = getComputedStyle(document.activeElement!)
              return s.outlineStyle !== 'none' || s.boxShadow !== 'none'
            })
            assert.equal(outline, true, `the focus on ${selector} can be seen`)
            return
          }
          await p.keyboard.press('Tab')
        }
        throw new Error(`Tab never reaches ${selector}`)
      }
      for (const [name, value] of [['username', 'ada'], ['firstName', 'Ada'], ['lastName', 'Lovelace'], ['email', 'ada@example.com']]) {
        await focusOn(`[name=${name}]`)
        await p.keyboard.type(value!)
      }
      await focusOn('form#passkey button[type=submit]')
      await p.keyboard.press('Enter')
      await p.waitForURL(`${second.url}/settings/account`)
      await focusOn('a[href="/logout"]')
      await p.keyboard.press('Enter')
      await p.waitForSelector('main[data-step=sign_out]')
      await focusOn('form[action="/logout"] button')
      await p.keyboard.press('Enter')
      await p.waitForSelector('main[data-step=signed_out]')
      await k.presence(false)
      await p.goto(`${second.url}/login`)
      await offered(p)
      await k.presence(true)
      await focusOn('form#passkey button[type=submit]')
      await p.keyboard.press('Enter')
      await p.waitForURL(`${second.url}/settings/account`)
    } finally {
      await second.stop()
    }
  } finally {
    await other.close()
  }
})

test('the browser had nothing to complain about on the way', () => {
  const expected = /favicon|status of 4\d\d/
  assert.deepEqual(said.filter((line) => !expected.test(line)), [])
  return Promise.resolve()
})
