// Accounts that people make for themselves, and prompt=create (Initiating User Registration 1.0).
import assert from 'node:assert/strict'
import { Authenticator } from '../harness/authenticator.ts'
import { Browser, FOREIGN } from '../harness/browser.ts'
import { answerPasskey, authorizePath, createClient, decodeJwt, delivered, follow, redeem, request, setupAdmin, signIn, type Client, type Person } from '../harness/flows.ts'
import { passkeyForm, step } from '../harness/html.ts'
import { subject, test } from '../harness/test.ts'

const op = subject({ env: { ALLOW_USER_SIGNUPS: 'open', DISABLE_RATE_LIMITING: 'true' } })
let admin: Person
let client: Client

const fields = (username: string) => ({ username, email: `${username}@example.com`, firstName: 'Eve', lastName: '' })

test('the first account is the admin\'s, whoever finds /signup first', async () => {
  const browser = new Browser(op)
  const early = await answerPasskey(browser, (await browser.get('/signup')).text, new Authenticator(op.url), {}, fields('mallory'))
  assert.equal(early.status, 404)
  admin = await setupAdmin(op)
  client = await createClient(admin.browser, {})
})

test('a person makes an account with a passkey and signs in with it', async () => {
  const browser = new Browser(op)
  const authenticator = new Authenticator(op.url)
  const made = await answerPasskey(browser, (await browser.get('/signup')).text, authenticator, {}, fields('eve'))
  assert.equal(made.status, 303, made.text)
  const me = (await browser.json('GET', '/api/users/me')).json()
  assert.deepEqual([me.username, me.isAdmin, me.emailVerified], ['eve', false, false])
  assert.equal((await browser.json('GET', '/api/oidc/clients')).status, 403)
  assert.equal((await (await signIn(op, authenticator)).json('GET', '/api/users/me')).json().username, 'eve')
})

test('50 people who want one name at once: one gets it, no half accounts stay', async () => {
  const ready = await Promise.all(Array.from({ length: 50 }, async () => {
    const browser = new Browser(op)
    return { browser, page: (await browser.get('/signup')).text }
  }))
  const answers = await Promise.all(ready.map(({ browser, page }) => answerPasskey(browser, page, new Authenticator(op.url), {}, fields('popular'))))
  assert.equal(answers.filter((a) => a.status === 303).length, 1)
  assert.equal(answers.filter((a) => a.status === 400 && step(a.text) === 'sign_up').length, 49)
  const orphans = await op.sql('SELECT COUNT(*) FROM passkeys WHERE user_id NOT IN (SELECT id FROM users)')
  assert.equal(String(orphans[0]![0]), '0')
  const sessions = await op.sql("SELECT COUNT(*) FROM sessions s JOIN users u ON u.id = s.user_id WHERE u.username = 'popular'")
  assert.equal(String(sessions[0]![0]), '1')
})

test('prompt=create leads to the form and back to the app', async () => {
  const browser = new Browser(op)
  const authenticator = new Authenticator(op.url)
  const asked = request(client, { prompt: 'create' })
  const page = await follow(browser, await browser.get(authorizePath(asked.params)))
  assert.equal(step(page.text), 'sign_up')
  const made = await answerPasskey(browser, page.text, authenticator, {}, fields('fresh'))
  assert.equal(made.status, 303, made.text)
  const answer = await follow(browser, made)
  const code = delivered(answer, client.redirectUri).code!
  const tokens = await redeem(op, { code, request: asked, client })
  assert.equal(decodeJwt(tokens.json().id_token).payload.preferred_username, 'fresh')
  assert.ok((await op.send({ path: '/.well-known/openid-configuration' })).json().prompt_values_supported.includes('create'))
  const both = await browser.get(authorizePath(request(client, { prompt: 'none create' }).params))
  assert.equal(delivered(both, client.redirectUri).error, 'invalid_request')
})

test('s40 a sign-up posted from another site is refused', async () => {
  const browser = new Browser(op)
  const form = passkeyForm((await browser.get('/signup')).text)
  for (const headers of FOREIGN) {
    const answer = await browser.post('/signup', { ...form.fields, ...fields('forged') }, headers)
    assert.equal(answer.status, 403)
  }
  assert.equal((await op.sql("SELECT id FROM users WHERE username = 'forged'")).length, 0)
})
