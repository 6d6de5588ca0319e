// Every page a person can meet: accessibility, narrow screens, both themes; and what the sign-in page weighs.
import assert from 'node:assert/strict'
import { mkdirSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'
import type { Page } from 'playwright-core'
import { chromiumForTests, VirtualAuthenticator } from '../harness/chromium.ts'
import { addPerson, answerPasskey, authorizePath, basic, CALLBACK, createClient, getCode, request, setupAdmin, signIn } from '../harness/flows.ts'
import { form } from '../harness/http.ts'
import { startOp, type Op } from '../harness/subject.ts'
import { test } from '../harness/test.ts'

const browser = chromiumForTests()
const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')
const shots = process.env.SCREENSHOTS

/** What was found on one page. */
interface Finding {
  page: string
  violations: string[]
  overflow: string[]
}

const findings: Finding[] = []

/** Looks at the page as it is, in both themes and three widths. */
async function inspect(page: Page, name: string): Promise<void> {
  const finding: Finding = { page: name, violations: [], overflow: [] }
  for (const colorScheme of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' })
    for (const width of [320, 360, 1280]) {
      await page.setViewportSize({ width, height: 800 })
      const over = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth)
      if (over > 0) finding.overflow.push(`${colorScheme} ${width}: ${over}px`)
      if (shots && width !== 320) {
        mkdirSync(shots, { recursive: true })
        await page.screenshot({ path: path.join(shots, `${name}-${width}-${colorScheme}.png`), fullPage: true })
      }
    }
    const found = await page.evaluate(async (source) => {
      // The page's policy forbids inline scripts; the debugger does not go through it.
      new Function(source)()
      const result = await (window as any).axe.run(document, { resultTypes: ['violations'] })
      return result.violations.map((v: any) => `${v.id}: ${v.nodes.map((n: any) => n.target.join(' ')).join(', ')}`)
    }, AXE)
    finding.violations.push(...found.map((v: string) => `${colorScheme} ${v}`))
  }
  findings.push(finding)
}

async function walk(op: Op): Promise<void> {
  const context = await browser.context({ bypassCSP: true })
  const page = await context.newPage()
  await VirtualAuthenticator.add(page, false)
  await page.goto(`${op.url}/setup`)
  await inspect(page, 'setup')
  await page.locator('[name=username]').fill('-')
  await page.locator('#problem').evaluate((p) => (p.textContent = 'The user name must not start or end with a special character.'))
  await inspect(page, 'setup-problem')

  const admin = await setupAdmin(op)
  const client = await createClient(admin.browser, { name: 'Photo library with quite a long name that wraps' })
  const to = (browserOf: typeof admin.browser) =>
    context.addCookies([...browserOf.jar.cookies.values()].map((c) => ({ name: c.name, value: c.value, url: op.url })))
  const visit = async (name: string, address: string) => {
    await page.goto(new URL(address, op.url).href)
    await inspect(page, name)
  }
  await visit('sign-in', '/login')
  await visit('sign-in-app', authorizePath(request(client).params))
  await visit('error', '/authorize?client_id=nobody')
  await visit('not-found', '/no-such-page')
  await visit('setup-gone', '/setup')
  await visit('wrong-address', `http://127.0.0.1:${op.peer.port}/login`)
  const signed = await signIn(op, admin.authenticator)
  await context.clearCookies()
  await to(signed)
  await visit('account', '/settings/account')
  await visit('sign-in-again', '/login?redirect=/settings/account&reauthenticate=1')
  await visit('select-account', authorizePath(request(client, { prompt: 'select_account' }).params))
  await visit('consent', authorizePath(request(client, { scope: 'openid profile email groups offline_access' }).params))
  await visit('consent-few', authorizePath(request(client, { scope: 'openid' }).params))
  await visit('device-code', '/device')
  const begun = await op.send({
    method: 'POST', path: '/api/oidc/device/authorize', body: form({ scope: 'openid profile email offline_access' }),
    headers: { 'content-type': 'application/x-www-form-urlencoded', authorization: basic(client.id, client.secret!), 'user-agent': 'Television/4.2 (Living room; a rather long name of a device)' },
  })
  // By keyboard alone: the field has the focus, Enter sends it, and the buttons come in the order they are read.
  await page.keyboard.type('ewrong00')
  await page.keyboard.press('Enter')
  await page.waitForSelector('#problem:not(:empty)')
  await inspect(page, 'device-code-problem')
  await page.goto(begun.json().verification_uri_complete)
  await inspect(page, 'device-code-known')
  await page.locator('#user-code').focus()
  await page.keyboard.press('Enter')
  await page.waitForSelector('main[data-step=device]')
  await inspect(page, 'device')
  await page.keyboard.press('Tab')
  assert.equal(await page.evaluate(() => (document.activeElement as HTMLButtonElement).value), 'allow')
  await page.keyboard.press('Enter')
  await page.waitForSelector('main[data-step=device_done]')
  await inspect(page, 'device-done')
  await visit('sign-out', '/logout')
  const bob = await addPerson(op, admin, 'bob-with-a-rather-long-name-that-has-to-wrap-somewhere')
  await answerPasskey(signed, (await signed.get('/login?other=1')).text, bob.authenticator)
  await to(signed)
  await visit('select-account-several', authorizePath(request(client, { prompt: 'select_account' }).params))
  await visit('accounts', '/accounts')
  await visit('sign-out-all', '/logout')
  await op.advance(400)
  await visit('account-later', '/settings/account')
  const framed = await createClient(admin.browser, { skipConsent: true, metadata: { frontchannel_logout_uri: `${new URL(CALLBACK).origin}/out` } })
  await getCode({ browser: signed, authenticator: bob.authenticator }, framed)
  await page.route('**/assets/signing-out-*', (route) => route.abort())
  await page.goto(`${op.url}/logout`)
  await page.locator('form[action="/logout"] button.primary').click()
  await page.waitForSelector('main[data-step=signing_out]')
  await inspect(page, 'signing-out')
  await page.locator('a#onward').click()
  await page.waitForSelector('main[data-step=signed_out]')
  await inspect(page, 'signed-out')
  await context.close()
}

test('every page is reached', async () => {
  const op = await startOp()
  try {
    await walk(op)
  } finally {
    await op.stop()
  }
  assert.ok(findings.length >= 16, findings.map((f) => f.page).join())
})

test('no page has an accessibility violation, in light and dark', async () => {
  assert.deepEqual(findings.filter((f) => f.violations.length > 0).map((f) => [f.page, f.violations]), [])
})

test('no page scrolls sideways, down to 320 px', async () => {
  assert.deepEqual(findings.filter((f) => f.overflow.length > 0).map((f) => [f.page, f.overflow]), [])
})

test('the sign-in page weighs at most 10 kB and needs one round trip before the prompt', async () => {
  const op = await startOp()
  try {
    await setupAdmin(op)
    const context = await browser.context()
    const page = await context.newPage()
    await VirtualAuthenticator.add(page, false)
    const cdp = await context.newCDPSession(page)
    await cdp.send('Network.enable')
    const bytes = new Map<string, number>()
    const urls = new Map<string, { url: string; initiator: string }>()
    cdp.on('Network.requestWillBeSent', (e) => urls.set(e.requestId, { url: e.request.url, initiator: e.initiator.type }))
    // What went over the wire, headers included.
    cdp.on('Network.loadingFinished', (e) => bytes.set(e.requestId, e.encodedDataLength))
    await page.goto(`${op.url}/login`, { waitUntil: 'networkidle' })
    await page.waitForFunction(() => document.querySelector<HTMLFormElement>('form#passkey')?.dataset.autofill !== undefined)
    const loaded = [...urls].map(([id, { url, initiator }]) => ({ path: new URL(url).pathname, initiator, bytes: bytes.get(id) ?? 0 }))
    const total = loaded.reduce((sum, l) => sum + l.bytes, 0)
    // What the parser finds in the HTML is asked for at once; only what a script or style asks for waits for another answer.
    const dependent = loaded.filter((l) => !['parser', 'other'].includes(l.initiator))
    console.log(`sign-in page: ${total} bytes on the wire, headers included, in ${loaded.length} requests, ${1 + dependent.length} dependent: ${JSON.stringify(loaded)}`)
    assert.ok(total <= 10_240, `${total} bytes: ${JSON.stringify(loaded)}`)
    assert.deepEqual(dependent, [])
    await context.close()
  } finally {
    await op.stop()
  }
})
