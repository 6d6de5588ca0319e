import assert from 'node:assert/strict'
import { Authenticator } from '../harness/authenticator.ts'
import { Browser } from '../harness/browser.ts'
import { ADMIN, answerPasskey, signedIn } from '../harness/flows.ts'
import { passkeyForm } from '../harness/html.ts'
import { subject, test } from '../harness/test.ts'

const op = subject()

test('s61 a fresh instance asked by 20 at once makes one signing key', async () => {
  const answers = await Promise.all(Array.from({ length: 20 }, () => op.send({ path: '/.well-known/jwks.json' })))
  const kids = answers.map((a) => {
    assert.equal(a.status, 200, a.text)
    return a.json().keys.map((k: any) => k.kid).join()
  })
  assert.equal(new Set(kids).size, 1)
  assert.equal(answers[0]!.json().keys.length, 1)
})

test('s46 50 parallel set-ups give exactly one admin', async () => {
  const people = await Promise.all(
    Array.from({ length: 50 }, async () => {
      const browser = new Browser(op)
      const page = await browser.get('/setup')
      assert.equal(page.status, 200, page.text)
      return { browser, page: page.text, authenticator: new Authenticator(op.url) }
    }),
  )
  const answers = await Promise.all(
    people.map(({ browser, page, authenticator }, i) =>
      answerPasskey(browser, page, authenticator, {}, { ...ADMIN, username: `admin${i}`, email: `admin${i}@example.com` }),
    ),
  )
  const won = answers.flatMap((answer, i) => (answer.status === 303 ? [i] : []))
  assert.equal(won.length, 1, answers.map((a) => a.status).join())
  for (const answer of answers) assert.ok([303, 404, 409].includes(answer.status), `${answer.status}: ${answer.text.slice(0, 200)}`)
  assert.deepEqual(await op.sql('SELECT count(*), sum(is_admin) FROM users'), [['1', '1']])
  assert.deepEqual(await op.sql('SELECT count(*) FROM passkeys'), [['1']])
  assert.deepEqual(await op.sql('SELECT count(*) FROM sessions'), [['1']])
  for (const [i, { browser }] of people.entries()) assert.equal(await signedIn(browser), i === won[0])
})

test('s46 a loser of the set-up race cannot sign in with its passkey', async () => {
  const browser = new Browser(op)
  const page = await browser.get('/login')
  const authenticator = new Authenticator(op.url)
  authenticator.create({ ...passkeyForm(page.text).options, rp: { id: 'localhost' }, pubKeyCredParams: [{ alg: -7 }], user: { id: 'AAAA', name: 'x' } })
  const answer = await answerPasskey(browser, page.text, authenticator)
  assert.equal(answer.status, 401)
  assert.equal(browser.session, undefined)
})
