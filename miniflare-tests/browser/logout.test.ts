// Front-channel logout in a real browser: the apps' pages are loaded before it goes on, with scripts and without.
import assert from 'node:assert/strict'
import { createServer, type Server } from 'node:http'
import { after, before } from 'node:test'
import { chromiumForTests } from '../harness/chromium.ts'
import { createClient, decodeJwt, getTokens, setupAdmin, signIn, type Client, type Person, type Tokens } from '../harness/flows.ts'
import { form } from '../harness/http.ts'
import { startOp, type Op } from '../harness/subject.ts'
import { test } from '../harness/test.ts'

const browser = chromiumForTests()
let op: Op
let server: Server
let base: string
let asked: string[] = []
let admin: Person
let client: Client

before(async () => {
  // An app: its logout page, one that never answers, and where it wants people back.
  server = createServer((ask, answer) => {
    asked.push(ask.url ?? '')
    if (ask.url?.startsWith('/never')) return
    answer.writeHead(200, { 'content-type': 'text/html' })
    answer.end(`<!doctype html><title>App</title><p id="path">${ask.url?.split('?')[0]}</p>`)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  assert.ok(address && typeof address === 'object')
  base = `http://127.0.0.1:${address.port}`
  op = await startOp()
  admin = await setupAdmin(op)
})
after(async () => {
  server.closeAllConnections()
  server.close()
  await op.stop()
})

/** Signs in to an app with this logout page and starts the logout from there. */
async function logout(path: string, javaScriptEnabled = true) {
  client = await createClient(admin.browser, {
    skipConsent: true,
    callbackURLs: [`${base}/cb`],
    logoutCallbackURLs: [`${base}/bye`],
    metadata: { frontchannel_logout_uri: `${base}${path}`, frontchannel_logout_session_required: true },
  })
  const person = { browser: await signIn(op, admin.authenticator), authenticator: admin.authenticator }
  const tokens: Tokens = await getTokens(op, person, client)
  const context = await browser.context({ javaScriptEnabled })
  await context.addCookies([...person.browser.jar.cookies.values()].map((c) => ({ name: c.name, value: c.value, url: op.url })))
  const page = await context.newPage()
  const query = form({ id_token_hint: tokens.id_token, post_logout_redirect_uri: `${base}/bye`, state: 'back' })
  asked = []
  return { context, page, tokens, address: `${op.url}/api/oidc/end-session?${query}` }
}

test('the app’s page is loaded with issuer and session, and then the browser is back at the app', async () => {
  const { context, page, tokens, address } = await logout('/out')
  const blocked: string[] = []
  page.on('console', (message) => blocked.push(message.text()))
  await page.goto(address)
  await page.waitForURL(`${base}/bye?state=back`)
  const { sid } = decodeJwt(tokens.id_token).payload
  const [first] = asked
  assert.equal(first, `/out?${form({ iss: op.url, sid })}`)
  assert.deepEqual(blocked.filter((text) => /Content Security Policy|frame/i.test(text)), [])
  await context.close()
})

test('an app that does not answer holds the browser up for seconds only', async () => {
  const { context, page, address } = await logout('/never')
  const began = Date.now()
  await page.goto(address, { waitUntil: 'commit' })
  await page.waitForURL(`${base}/bye?state=back`)
  assert.ok(Date.now() - began < 10_000)
  await context.close()
})

test('without scripts the app’s page is loaded too, and a link leads on', async () => {
  const { context, page, address } = await logout('/out', false)
  await page.goto(address)
  assert.equal(await page.locator('main').getAttribute('data-step'), 'signing_out')
  assert.ok(asked.some((path) => path.startsWith('/out?')), asked.join())
  await page.locator('a#onward').click()
  await page.waitForURL(`${base}/bye?state=back`)
  await context.close()
})
