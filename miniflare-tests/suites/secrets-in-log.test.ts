import assert from 'node:assert/strict'
import { Browser } from '../harness/browser.ts'
import {
  answerPasskey, authorizePath, basic, createClient, getTokens, redeem, refresh, request, setupAdmin, signIn, token, userinfo,
} from '../harness/flows.ts'
import { passkeyForm } from '../harness/html.ts'
import { startOp } from '../harness/subject.ts'
import { subject, test } from '../harness/test.ts'

const op = subject({ env: { LOG_LEVEL: 'debug' } })

test('s57 nothing secret is in the log, whether things went well or badly', async () => {
  const secrets: Record<string, string> = {}
  const admin = await setupAdmin(op)
  const client = await createClient(admin.browser, { skipConsent: true })
  secrets['client secret'] = client.secret!
  const browser = await signIn(op, admin.authenticator)
  for (const [name, cookie] of browser.jar.cookies) secrets[`cookie ${name}`] = cookie.value
  const tokens = await getTokens(op, { browser, authenticator: admin.authenticator }, client)
  Object.assign(secrets, {
    code: tokens.grant.code, verifier: tokens.grant.request.verifier, access: tokens.access_token, id: tokens.id_token, refresh: tokens.refresh_token,
    'access signature': tokens.access_token.split('.')[2], state: tokens.grant.request.state, nonce: tokens.grant.request.nonce, email: 'ada@example.com',
  })
  const second = (await refresh(op, client, tokens.refresh_token)).json()
  secrets['second refresh'] = second.refresh_token
  await userinfo(op, second.access_token)
  await userinfo(op, `${tokens.access_token}x`)
  await redeem(op, tokens.grant)
  await refresh(op, client, second.refresh_token)
  secrets['wrong secret'] = 'wrong-secret-0123456789'
  await token(op, undefined, { grant_type: 'authorization_code', code: 'wrong-code-0123456789' }, { authorization: basic(client.id, 'wrong-secret-0123456789') })
  secrets['wrong code'] = 'wrong-code-0123456789'
  secrets['token in a query'] = 'query-token-0123456789'
  await op.send({ path: '/api/oidc/userinfo?access_token=query-token-0123456789' })
  await op.send({ method: 'POST', path: '/api/oidc/token?client_secret=query-token-0123456789' })
  await browser.get(`/api/oidc/end-session?id_token_hint=${tokens.id_token}`)
  const wrong = new Browser(op)
  const page = await wrong.get('/login')
  secrets.challenge = passkeyForm(page.text).options.challenge
  secrets['challenge id'] = passkeyForm(page.text).fields.challenge_id!
  await answerPasskey(wrong, page.text, admin.authenticator, { signature: 'flip', edit: (r) => {
    secrets.assertion = r.response.signature
    secrets['client data'] = r.response.clientDataJSON
  } })
  const begun = await new Browser(op).get(authorizePath(request(client).params))
  secrets.interaction = new URL(begun.location, op.url).searchParams.get('interaction')!
  await new Browser(op).get(begun.location)
  await new Promise((resolve) => setTimeout(resolve, 300))
  const log = op.log()
  assert.ok(log.split('\n').length > 10, 'there is a log')
  const found = Object.entries(secrets).filter(([, value]) => log.includes(value)).map(([name]) => name)
  assert.deepEqual(found, [])
})

test('s57 a visitor cannot write lines into the log', async () => {
  const mark = 'forged-line-0123456789'
  await op.send({ path: `/login?x=%0a${mark}`, headers: { 'user-agent': `a\tb${mark}` } })
  await op.send({ path: `/${encodeURIComponent('\u001b[31m')}${mark}%0d%0a${mark}` })
  await token(op, undefined, { grant_type: `x\n${mark}` })
  await new Promise((resolve) => setTimeout(resolve, 300))
  const log = op.log()
  assert.ok(!log.split(/[\r\n]/).some((line) => line.startsWith(mark)))
  assert.doesNotMatch(log, /\u001b\[31m/)
})

test('one structured line a request, with what it was and how it ended', async () => {
  const other = await startOp({ env: { LOG_JSON: 'true' } })
  try {
    const answer = await other.send({ path: '/api/users/me' })
    await new Promise((resolve) => setTimeout(resolve, 300))
    const lines = other.log().split('\n').filter((l) => l.includes(answer.header('x-request-id')!))
    assert.equal(lines.length, 1, other.log())
    const line = JSON.parse(lines[0]!)
    const text = JSON.stringify(line)
    assert.ok(text.includes('401'), text)
  } finally {
    await other.stop()
  }
})
