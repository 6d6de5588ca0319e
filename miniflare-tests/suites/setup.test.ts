import assert from 'node:assert/strict'
import { Authenticator } from '../harness/authenticator.ts'
import { Browser, FOREIGN } from '../harness/browser.ts'
import { ADMIN, answerPasskey, assertErrorPage, setupAdmin, signedIn, signIn, type Person } from '../harness/flows.ts'
import { forms, passkeyForm } from '../harness/html.ts'
import { subject, test } from '../harness/test.ts'

const op = subject()
let admin: Person

test('before set-up the root leads to the sign-in page and the API refuses', async () => {
  const root = await new Browser(op).get('/')
  assert.equal(root.status, 303)
  assert.equal(new Browser(op).path(root.location), '/login')
  assert.equal((await op.send({ path: '/api/users/me' })).status, 401)
})

test('the set-up page asks for a discoverable, verified passkey', async () => {
  const page = await new Browser(op).get('/setup')
  assert.equal(page.status, 200)
  const { options, ceremony, action, fields } = passkeyForm(page.text)
  assert.equal(ceremony, 'create')
  assert.equal(action, '/setup')
  assert.deepEqual(Object.keys(options.rp).sort(), ['id', 'name'])
  assert.equal(options.rp.id, 'localhost')
  assert.deepEqual(options.pubKeyCredParams.map((p: any) => p.alg).sort(), [-257, -7, -8].sort())
  assert.equal(options.authenticatorSelection.residentKey, 'required')
  assert.equal(options.authenticatorSelection.requireResidentKey, true)
  assert.equal(options.authenticatorSelection.userVerification, 'required')
  assert.equal(options.attestation ?? 'none', 'none')
  assert.ok(Buffer.from(options.challenge, 'base64url').length >= 16)
  assert.ok(fields.challenge_id)
  for (const name of ['username', 'email', 'firstName', 'lastName']) assert.ok(name in fields, `a field ${name}`)
})

test('set-up with a bad passkey, a bad name or no name makes nobody', async () => {
  const attempts: [string, Record<string, string>, object][] = [
    ['flipped attestation', ADMIN, { edit: (r: any) => (r.response.attestationObject = 'AAAA') }],
    ['no user verification', ADMIN, { uv: false }],
    ['foreign origin', ADMIN, { origin: 'https://evil.example' }],
    ['no user name', { ...ADMIN, username: '' }, {}],
    ['bad user name', { ...ADMIN, username: '-a b-' }, {}],
    ['bad e-mail', { ...ADMIN, email: 'nobody' }, {}],
  ]
  for (const [what, fields, knobs] of attempts) {
    const browser = new Browser(op)
    const page = await browser.get('/setup')
    const answer = await answerPasskey(browser, page.text, new Authenticator(op.url), knobs, fields)
    assert.equal(answer.status, 400, `${what}: ${answer.text}`)
    assert.match(answer.header('content-type') ?? '', /^text\/html/)
    assert.equal(browser.session, undefined, what)
    assert.ok(passkeyForm(answer.text).fields.challenge_id !== passkeyForm(page.text).fields.challenge_id, 'a fresh challenge')
  }
  assert.equal((await new Browser(op).get('/setup')).status, 200)
})

test('what was typed survives an error, as text', async () => {
  const browser = new Browser(op)
  const page = await browser.get('/setup')
  const answer = await answerPasskey(browser, page.text, new Authenticator(op.url), {}, { ...ADMIN, email: 'nobody', firstName: '"><b>Ada' })
  assert.equal(answer.status, 400)
  assert.ok(!answer.text.includes('<b>Ada'))
  assert.equal(forms(answer.text).find((f) => f.attributes.id === 'passkey')?.fields.firstName, '"><b>Ada')
})

test('set-up refuses a foreign origin and a cross-site post', async () => {
  for (const headers of FOREIGN) {
    const browser = new Browser(op)
    const page = await browser.get('/setup')
    const { options, fields } = passkeyForm(page.text)
    const response = JSON.stringify(new Authenticator(op.url).create(options))
    const answer = await browser.post('/setup', { ...fields, ...ADMIN, response }, headers)
    assert.equal(answer.status, 403, JSON.stringify(headers))
  }
})

test('set-up makes the first admin, signed in', async () => {
  admin = await setupAdmin(op)
  const me = (await admin.browser.json('GET', '/api/users/me')).json()
  assert.equal(me.username, 'ada')
  assert.equal(me.email, 'ada@example.com')
  assert.equal(me.firstName, 'Ada')
  assert.equal(me.lastName, 'Lovelace')
  assert.equal(me.isAdmin, true)
  const page = await admin.browser.get('/settings/account')
  assert.equal(page.status, 200)
  assert.match(page.text, /Ada/)
})

test('s47 an e-mail address typed at set-up is not verified', async () => {
  assert.equal((await admin.browser.json('GET', '/api/users/me')).json().emailVerified, false)
})

test('after set-up /setup is gone, for GET and for a page that was opened before', async () => {
  const answer = await new Browser(op).get('/setup')
  assertErrorPage(answer, 404)
  const late = await new Browser(op).post('/setup', { ...ADMIN, username: 'eve', challenge_id: 'x', response: '{}' })
  assert.equal(late.status, 404, late.text)
})

test('the admin signs in with the new passkey in another browser', async () => {
  assert.equal(await signedIn(await signIn(op, admin.authenticator)), true)
})

test('everything is still there after a restart', async () => {
  await op.restart()
  assert.equal(await signedIn(admin.browser), true)
  assert.equal(await signedIn(await signIn(op, admin.authenticator)), true)
  assert.equal((await new Browser(op).get('/setup')).status, 404)
})
