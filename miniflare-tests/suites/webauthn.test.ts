import assert from 'node:assert/strict'
import crypto from 'node:crypto'
import { Authenticator, type Cbor, type Knobs } from '../harness/authenticator.ts'
import { Browser, BROWSER } from '../harness/browser.ts'
import { addPerson, answerPasskey, setupAdmin, signedIn, signIn, type Person } from '../harness/flows.ts'
import { passkeyForm } from '../harness/html.ts'
import type { Answer } from '../harness/http.ts'
import { subject, test } from '../harness/test.ts'

const op = subject()
let admin: Person

const b64 = (text: string) => Buffer.from(text).toString('base64url')

/** Tries to sign in with these knobs, in a new browser. */
async function attempt(knobs: Knobs, authenticator = admin.authenticator): Promise<{ answer: Answer; browser: Browser }> {
  const browser = new Browser(op)
  const page = await browser.get('/login')
  const answer = await answerPasskey(browser, page.text, authenticator, knobs)
  if (answer.status !== 303) {
    assert.equal(browser.session, undefined, 'no session after a refusal')
    assert.match(answer.header('content-type') ?? '', /^text\/html/)
    assert.notEqual(passkeyForm(answer.text).options.challenge, passkeyForm(page.text).options.challenge, 'a fresh challenge')
  }
  return { answer, browser }
}

async function refusedAll(cases: Record<string, [Knobs, number]>, who: (knobs: Knobs) => Promise<Answer>): Promise<void> {
  const wrong: string[] = []
  for (const [what, [knobs, status]] of Object.entries(cases)) {
    const answer = await who(knobs)
    if (answer.status !== status) wrong.push(`${what}: ${answer.status}, expected ${status}`)
  }
  assert.deepEqual(wrong, [])
}

const login = async (knobs: Knobs) => (await attempt(knobs)).answer

/** Tries to add a passkey with these knobs. */
async function add(knobs: Knobs, authenticator = new Authenticator(op.url)): Promise<Answer> {
  const browser = await signIn(op, admin.authenticator)
  const before = await op.sql('SELECT count(*) FROM passkeys')
  const answer = await answerPasskey(browser, (await browser.get('/settings/account')).text, authenticator, knobs)
  if (answer.status !== 303) assert.deepEqual(await op.sql('SELECT count(*) FROM passkeys'), before, 'nothing is stored')
  return answer
}

/** Changes the client data of an answer, keeping the signature over the change out of it. */
const clientData = (change: (data: any) => void) => (r: any) => {
  const data = JSON.parse(Buffer.from(r.response.clientDataJSON, 'base64url').toString())
  change(data)
  r.response.clientDataJSON = b64(JSON.stringify(data))
}

test('all three algorithms register and sign in', async () => {
  admin = await setupAdmin(op)
  for (const alg of [-7, -8, -257] as const) {
    const authenticator = new Authenticator(op.url)
    assert.equal((await add({ alg }, authenticator)).status, 303, String(alg))
    assert.equal(await signedIn(await signIn(op, authenticator)), true)
  }
})

test('s30 sign-in: origin, rpId, type and crossOrigin must be right', async () => {
  const port = op.peer.port
  await refusedAll(
    {
      'other host': [{ origin: 'https://evil.example' }, 401],
      'other port': [{ origin: `http://localhost:${port + 1}` }, 401],
      'other scheme': [{ origin: `https://localhost:${port}` }, 401],
      'suffix': [{ origin: `http://localhost:${port}.evil.example` }, 401],
      'prefix': [{ origin: `http://evil.localhost:${port}` }, 401],
      'trailing slash': [{ origin: `http://localhost:${port}/` }, 401],
      'path': [{ origin: `http://localhost:${port}/login` }, 401],
      'upper case': [{ origin: `HTTP://LOCALHOST:${port}` }, 401],
      'loopback': [{ origin: `http://127.0.0.1:${port}` }, 401],
      'null origin': [{ origin: 'null' }, 401],
      'empty origin': [{ origin: '' }, 401],
      'app origin': [{ origin: 'android:apk-key-hash:x' }, 401],
      'other rpId': [{ rpId: 'evil.example' }, 401],
      'origin as rpId': [{ rpId: op.url }, 401],
      'upper-case rpId': [{ rpId: 'LOCALHOST' }, 401],
      'create type': [{ type: 'webauthn.create' }, 401],
      'no type': [{ type: '' }, 401],
      'payment type': [{ type: 'payment.get' }, 401],
      'cross origin': [{ crossOrigin: true }, 401],
      'top origin': [{ crossOrigin: true, topOrigin: op.url }, 401],
    },
    login,
  )
})

test('s30 registration: origin, rpId, type and crossOrigin must be right', async () => {
  await refusedAll(
    {
      'other host': [{ origin: 'https://evil.example' }, 400],
      'suffix': [{ origin: `${op.url}.evil.example` }, 400],
      'other rpId': [{ rpId: 'evil.example' }, 400],
      'get type': [{ type: 'webauthn.get' }, 400],
      'cross origin': [{ crossOrigin: true }, 400],
      'top origin': [{ crossOrigin: true, topOrigin: 'https://evil.example' }, 400],
    },
    add,
  )
})

test('s31 a challenge that was not given is refused', async () => {
  await refusedAll(
    {
      'other challenge': [{ challenge: crypto.randomBytes(32).toString('base64url') }, 401],
      'empty challenge': [{ challenge: '' }, 401],
      'challenge of old form': [{ edit: clientData((d) => (d.challenge += '=')) }, 401],
    },
    login,
  )
  const { options } = passkeyForm((await new Browser(op).get('/login')).text)
  assert.ok(Buffer.from(options.challenge, 'base64url').length >= 16)
})

test('s31 an answer works once, even when 20 arrive at once', async () => {
  const browser = new Browser(op)
  const page = await browser.get('/login')
  const { fields, options } = passkeyForm(page.text)
  const body = { ...fields, response: JSON.stringify(admin.authenticator.get(options)) }
  const copies = Array.from({ length: 20 }, () => {
    const copy = new Browser(op)
    for (const [name, cookie] of browser.jar.cookies) copy.jar.cookies.set(name, cookie)
    return copy
  })
  const answers = await Promise.all(copies.map((copy) => copy.post('/login', body)))
  assert.equal(answers.filter((a) => a.status === 303).length, 1, answers.map((a) => a.status).join())
  for (const a of answers.filter((x) => x.status !== 303)) assert.equal(a.status, 400)
  assert.equal((await browser.post('/login', body)).status, 400, 'a replay')
})

test('s31 a wrong answer uses the challenge up', async () => {
  const browser = new Browser(op)
  const page = await browser.get('/login')
  assert.equal((await answerPasskey(browser, page.text, admin.authenticator, { signature: 'flip' })).status, 401)
  assert.equal((await answerPasskey(browser, page.text, admin.authenticator)).status, 400)
})

test('s31 a challenge belongs to one browser', async () => {
  const a = new Browser(op)
  const b = new Browser(op)
  const page = await a.get('/login')
  await b.get('/login')
  for (const browser of [b, new Browser(op)]) {
    const answer = await answerPasskey(browser, page.text, admin.authenticator)
    assert.equal(answer.status, 400)
    assert.equal(browser.session, undefined)
  }
  assert.equal((await answerPasskey(a, page.text, admin.authenticator)).status, 303, 'a stranger cannot use it up')
})

test('s31 challenges of two pages do not mix', async () => {
  const browser = new Browser(op)
  const one = passkeyForm((await browser.get('/login')).text)
  const two = passkeyForm((await browser.get('/login')).text)
  const response = JSON.stringify(admin.authenticator.get(one.options))
  assert.equal((await browser.post('/login', { ...two.fields, response })).status, 401)
  assert.equal(browser.session, undefined)
})

test('s31 a registration challenge does not sign in and a sign-in challenge does not register', async () => {
  const browser = await signIn(op, admin.authenticator)
  const create = passkeyForm((await browser.get('/settings/account')).text)
  const get = passkeyForm((await browser.get('/login?reauthenticate=1')).text)
  const assertion = JSON.stringify(admin.authenticator.get({ challenge: create.options.challenge, rpId: 'localhost' }))
  const before = browser.session!.value
  const crossed = await browser.post('/login', { ...get.fields, challenge_id: create.fields.challenge_id, response: assertion })
  assert.equal(crossed.status, 400, crossed.text.slice(0, 200))
  assert.equal(browser.session!.value, before)
  const count = await op.sql('SELECT count(*) FROM passkeys')
  const made = JSON.stringify(new Authenticator(op.url).create({ ...create.options, challenge: get.options.challenge }))
  const other = await browser.post('/settings/account/passkeys', { ...create.fields, challenge_id: get.fields.challenge_id, response: made })
  assert.equal(other.status, 400)
  assert.deepEqual(await op.sql('SELECT count(*) FROM passkeys'), count)
})

test('s31 one person’s registration challenge is not another’s', async () => {
  const bob = await addPerson(op, admin, 'bob')
  const mine = await signIn(op, admin.authenticator)
  const page = await mine.get('/settings/account')
  const made = passkeyForm(page.text)
  for (const [name, cookie] of mine.jar.cookies) if (name === BROWSER) bob.browser.jar.cookies.set(name, cookie)
  const response = JSON.stringify(new Authenticator(op.url).create(made.options))
  const answer = await bob.browser.post('/settings/account/passkeys', { ...made.fields, response })
  assert.equal(answer.status, 400)
})

test('s31 a challenge ends after five minutes', async () => {
  const early = new Browser(op)
  const page = await early.get('/login')
  await op.advance(290)
  assert.equal((await answerPasskey(early, page.text, admin.authenticator)).status, 303)
  const late = new Browser(op)
  const other = await late.get('/login')
  await op.advance(301)
  const answer = await answerPasskey(late, other.text, admin.authenticator)
  assert.equal(answer.status, 400)
  assert.equal((await answerPasskey(late, answer.text, admin.authenticator)).status, 303, 'the page that says so works at once')
})

test('s32 user presence and user verification are required, for sign-in and for registration', async () => {
  await refusedAll({ 'no UV': [{ uv: false }, 401], 'no UP': [{ up: false }, 401], neither: [{ up: false, uv: false }, 401] }, login)
  await refusedAll({ 'no UV': [{ uv: false }, 400], 'no UP': [{ up: false }, 400] }, add)
})

test('s33 backup state needs eligibility, eligibility never changes, state is kept up to date', async () => {
  await refusedAll({ 'BS without BE': [{ be: false, bs: true }, 401], 'BE taken away': [{ be: false, bs: false }, 401] }, login)
  await refusedAll({ 'BS without BE': [{ be: false, bs: true }, 400] }, add)
  const device = new Authenticator(op.url, false)
  assert.equal((await add({}, device)).status, 303)
  assert.equal((await attempt({}, device)).answer.status, 303)
  assert.equal((await attempt({ be: true, bs: false }, device)).answer.status, 401)
  assert.equal((await attempt({ be: true, bs: true }, device)).answer.status, 401)
  const id = admin.authenticator.credentials[0]!.id.toString('base64url')
  for (const bs of [false, true]) {
    assert.equal((await attempt({ bs })).answer.status, 303)
    assert.deepEqual(await op.sql(`SELECT backup_state FROM passkeys WHERE credential_id = '${id}'`), [[bs ? '1' : '0']])
  }
})

test('s34 a counter of zero stays fine, a used one must grow, a copy is flagged', async () => {
  const zero = new Authenticator(op.url)
  assert.equal((await add({ counter: 0 }, zero)).status, 303)
  for (let i = 0; i < 3; i++) assert.equal((await attempt({ counter: 0 }, zero)).answer.status, 303)
  const counting = new Authenticator(op.url)
  assert.equal((await add({}, counting)).status, 303)
  assert.equal((await attempt({ counter: 10 }, counting)).answer.status, 303)
  const flag = async (a: Authenticator) => (await op.sql(`SELECT sign_count, clone_suspected_at IS NOT NULL FROM passkeys WHERE credential_id = '${a.credentials[0]!.id.toString('base64url')}'`))[0]!
  assert.equal((await flag(counting))[0], '10')
  assert.match((await flag(counting))[1]!, /^(0|f|false)$/)
  await attempt({ counter: 10 }, counting)
  assert.match((await flag(counting))[1]!, /^(1|t|true)$/)
  assert.match((await flag(zero))[1]!, /^(0|f|false)$/)
})

test('s35 the user handle must be the owner’s, the credential must be known', async () => {
  const carol = await addPerson(op, admin, 'carol')
  await refusedAll(
    {
      'handle of another': [{ userHandle: carol.authenticator.credentials[0]!.userHandle }, 401],
      'handle of nobody': [{ userHandle: b64(crypto.randomUUID()) }, 401],
      'no handle': [{ userHandle: null }, 401],
      'empty handle': [{ userHandle: '' }, 401],
    },
    login,
  )
  const stranger = new Authenticator(op.url)
  stranger.create({ rp: { id: 'localhost' }, user: { id: admin.authenticator.credentials[0]!.userHandle, name: 'x' }, pubKeyCredParams: [{ alg: -7 }], challenge: 'x' })
  assert.equal((await attempt({}, stranger)).answer.status, 401)
  const swapped = await attempt({ edit: (r) => (r.id = r.rawId = carol.authenticator.credentials[0]!.id.toString('base64url')) })
  assert.equal(swapped.answer.status, 401)
})

test('s35 a credential id is registered once, and existing ones are excluded', async () => {
  const browser = await signIn(op, admin.authenticator)
  const { options } = passkeyForm((await browser.get('/settings/account')).text)
  const mine = admin.authenticator.credentials[0]!.id
  assert.ok(options.excludeCredentials.some((c: any) => c.id === mine.toString('base64url')))
  assert.throws(() => admin.authenticator.create(options), /InvalidStateError/)
  await refusedAll(
    {
      'the same id again': [{ credentialId: mine }, 400],
      'too long an id': [{ credentialId: crypto.randomBytes(1024) }, 400],
      'an empty id': [{ credentialId: Buffer.alloc(0) }, 400],
    },
    add,
  )
  const bob = await addPerson(op, admin, 'dave')
  const page = await bob.browser.get('/settings/account')
  const stolen = await answerPasskey(bob.browser, page.text, new Authenticator(op.url), { credentialId: mine })
  assert.equal(stolen.status, 400)
})

test('s35 keys of other algorithms, off the curve or too small are refused', async () => {
  const ec = crypto.generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey.export({ format: 'jwk' })
  const x = Buffer.from(ec.x!, 'base64url')
  const y = Buffer.from(ec.y!, 'base64url')
  const off = Buffer.from(y)
  off[31]! ^= 1
  const key = (...entries: [number, Cbor][]) => new Map<number, Cbor>(entries)
  await refusedAll(
    {
      'off the curve': [{ coseKey: key([1, 2], [3, -7], [-1, 1], [-2, x], [-3, off]) }, 400],
      'ES256 on another curve': [{ coseKey: key([1, 2], [3, -7], [-1, 2], [-2, x], [-3, y]) }, 400],
      'ES384': [{ coseKey: key([1, 2], [3, -35], [-1, 2], [-2, Buffer.alloc(48, 1)], [-3, Buffer.alloc(48, 1)]) }, 400],
      'RS1': [{ coseKey: key([1, 3], [3, -65535], [-1, Buffer.alloc(256, 0xff)], [-2, Buffer.from([1, 0, 1])]) }, 400],
      'RSA 1024': [{ alg: -257, rsaBits: 1024 }, 400],
      'RSA even exponent': [{ coseKey: key([1, 3], [3, -257], [-1, Buffer.alloc(256, 0xff)], [-2, Buffer.from([2])]) }, 400],
      'EdDSA wrong length': [{ coseKey: key([1, 1], [3, -8], [-1, 6], [-2, Buffer.alloc(31, 1)]) }, 400],
      'kty and alg disagree': [{ coseKey: key([1, 1], [3, -7], [-1, 6], [-2, x]) }, 400],
      'no alg': [{ coseKey: key([1, 2], [-1, 1], [-2, x], [-3, y]) }, 400],
    },
    add,
  )
})

test('s38 attestation objects that are not exactly CBOR are refused', async () => {
  const raw = (change: (bytes: Buffer) => Buffer) => ({
    edit: (r: any) => (r.response.attestationObject = change(Buffer.from(r.response.attestationObject, 'base64url')).toString('base64url')),
  })
  await refusedAll(
    {
      'empty': [raw(() => Buffer.alloc(0)), 400],
      'trailing byte': [raw((b) => Buffer.concat([b, Buffer.from([0])])), 400],
      'cut': [raw((b) => b.subarray(0, -1)), 400],
      'deep nesting': [raw(() => Buffer.concat([Buffer.alloc(20000, 0x81), Buffer.from([0])])), 400],
      'huge length': [raw(() => Buffer.from([0xa3, 0x7b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff])), 400],
      'indefinite length': [raw((b) => Buffer.concat([Buffer.from([0xbf]), b.subarray(1), Buffer.from([0xff])])), 400],
      'trailing authenticator data': [{ attestation: (p) => ({ ...p, authData: Buffer.concat([p.authData, Buffer.from([0])]) }) }, 400],
      'cut authenticator data': [{ attestation: (p) => ({ ...p, authData: p.authData.subarray(0, 40) }) }, 400],
      'no attested data': [{ attestation: (p) => ({ ...p, authData: p.authData.subarray(0, 37) }) }, 400],
      'none with a statement': [{ attestation: (p) => ({ ...p, attStmt: new Map<string, Cbor>([['x', 1]]) }) }, 400],
      'not an object': [raw(() => Buffer.from('[]')), 400],
    },
    add,
  )
})

test('s60 malformed answers are refused politely at every passkey form', async () => {
  const bodies = ['', 'x', '{}', '[]', 'null', '"x"', '1e999', '{"response":null}', '{"id":1,"rawId":[],"type":"public-key","response":{}}', '{"id":"!!","rawId":"!!","type":"public-key","response":{"clientDataJSON":"!!","authenticatorData":"!!","signature":"!!"}}', '['.repeat(50000), `{"id":"${'A'.repeat(60000)}"}`, '{"id":"a","id":"b"}', '\u0000', '\ud800']
  for (const response of bodies) {
    const browser = new Browser(op)
    const { fields } = passkeyForm((await browser.get('/login')).text)
    const answer = await browser.post('/login', { ...fields, response })
    assert.ok([400, 401, 413].includes(answer.status), `${response.slice(0, 40)}: ${answer.status}`)
    const signed = await signIn(op, admin.authenticator)
    const create = passkeyForm((await signed.get('/settings/account')).text)
    const added = await signed.post('/settings/account/passkeys', { ...create.fields, response })
    assert.ok([400, 413].includes(added.status), `${response.slice(0, 40)}: ${added.status}`)
  }
  for (const challenge_id of ['', 'x', 'x'.repeat(5000), "' OR 1=1 --"]) {
    const browser = new Browser(op)
    const page = await browser.get('/login')
    assert.equal((await answerPasskey(browser, page.text, admin.authenticator, {}, { challenge_id })).status, 400)
  }
  const none = await new Browser(op).post('/login', {})
  assert.equal(none.status, 400)
})

test('s24 a wrong, missing or borrowed signature is refused', async () => {
  await refusedAll(
    {
      'flipped bit': [{ signature: 'flip' }, 401],
      'empty': [{ signature: 'empty' }, 401],
      'another key': [{ signature: 'other-key' }, 401],
      'changed client data': [{ edit: clientData((d) => (d.extra = 1)) }, 401],
      'changed counter': [{ edit: (r) => { const a = Buffer.from(r.response.authenticatorData, 'base64url'); a[36]! ^= 1; r.response.authenticatorData = a.toString('base64url') } }, 401],
      'trailing authenticator data': [{ edit: (r) => (r.response.authenticatorData += 'AA') }, 401],
    },
    login,
  )
})

test('s37 adding a passkey needs a sign-in at most five minutes old, on the server too', async () => {
  const browser = await signIn(op, admin.authenticator)
  const page = await browser.get('/settings/account')
  await op.advance(295)
  const made = passkeyForm((await browser.get('/settings/account')).text)
  await op.advance(10)
  const count = await op.sql('SELECT count(*) FROM passkeys')
  const response = JSON.stringify(new Authenticator(op.url).create(made.options))
  const answer = await browser.post('/settings/account/passkeys', { ...made.fields, response })
  assert.ok(answer.status === 401 || answer.status === 403 || (answer.status === 303 && answer.location.includes('reauthenticate=1')), `${answer.status} ${answer.headers.location ?? ''}`)
  assert.deepEqual(await op.sql('SELECT count(*) FROM passkeys'), count)
  assert.ok(page.status === 200)
  const anonymous = new Browser(op)
  const refused = await anonymous.post('/settings/account/passkeys', { ...made.fields, response })
  assert.ok([303, 401].includes(refused.status), `${refused.status}`)
  assert.deepEqual(await op.sql('SELECT count(*) FROM passkeys'), count)
})
