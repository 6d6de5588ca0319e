// One script of requests, one record: every subject must answer alike. `UPDATE_PARITY=1` writes the record anew.
import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { Browser } from '../harness/browser.ts'
import { answerPasskey, authorizePath, createClient, delivered, follow, redeem, refresh, request, setupAdmin, userinfo } from '../harness/flows.ts'
import { step } from '../harness/html.ts'
import type { Answer } from '../harness/http.ts'
import { subject, test } from '../harness/test.ts'

const op = subject()
const FILE = new URL('../parity.json', import.meta.url)
// What differs from run to run or belongs to the transport.
const UNCOMPARED = ['date', 'connection', 'keep-alive', 'transfer-encoding', 'content-length', 'x-request-id', 'vary', 'content-encoding']

/** An answer with everything random in it replaced by its kind. */
function plain(answer: Answer): unknown {
  const tame = (text: string) =>
    text
      .replaceAll(op.url, '<APP_URL>')
      .replaceAll(encodeURIComponent(op.url), '<APP_URL>')
      .replace(/eyJ[\w-]+\.[\w-]+\.[\w-]+/g, '<JWT>')
      .replace(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, '<UUID>')
      .replace(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, '<TIME>')
      .replace(/"updated_at":\d+/g, '"updated_at":"<TIME>"')
      .replace(/-[A-Z0-9]{8}\.(js|css|svg)/g, '-<HASH>.$1')
      .replace(/"prefix":"[\w-]{4}"/g, '"prefix":"<RANDOM>"')
      .replace(/(?<!["\w-])[\w-]{32,}(?!")|(?<=":")[\w-]{32,}/g, '<RANDOM>')
  const headers = Object.fromEntries(
    Object.entries(answer.headers)
      .filter(([name]) => !UNCOMPARED.includes(name))
      .map(([name, value]) => [name, tame(String(value))])
      .sort(),
  )
  const html = /^text\/html/.test(answer.header('content-type') ?? '')
  const body = html ? `<${step(answer.text)}> ${/<title>(.*?)<\/title>/s.exec(answer.text)?.[1] ?? ''}` : tame(answer.text).slice(0, 2000)
  return { status: answer.status, headers, body }
}

test('all subjects answer one script of requests alike', async () => {
  const record: Record<string, unknown> = {}
  const note = (name: string, answer: Answer): Answer => {
    assert.equal(record[name], undefined, name)
    record[name] = plain(answer)
    return answer
  }
  for (const [method, path] of [
    ['GET', '/'], ['GET', '/setup'], ['GET', '/login'], ['HEAD', '/login'], ['GET', '/healthz'], ['GET', '/robots.txt'], ['GET', '/no-such-page'], ['GET', '/api/nothing'],
    ['GET', '/.well-known/openid-configuration'], ['GET', '/.well-known/oauth-authorization-server'], ['GET', '/.well-known/jwks.json'],
    ['OPTIONS', '/.well-known/jwks.json'], ['OPTIONS', '/api/oidc/token'], ['GET', '/api/oidc/token'], ['POST', '/api/oidc/token'], ['GET', '/api/oidc/userinfo'],
    ['GET', '/api/users/me'], ['GET', '/api/oidc/clients'], ['POST', '/api/oidc/clients'], ['GET', '/authorize'], ['GET', '/authorize?client_id=x&client_id=y'],
    ['GET', '/interaction'], ['POST', '/login'], ['POST', '/logout'], ['GET', '/logout'], ['GET', '/settings/account'], ['DELETE', '/login'], ['GET', '/api/oidc/end-session'],
  ] as const) {
    note(`${method} ${path}`, await op.send({ method, path }))
  }
  note('another host', await op.send({ path: '/login', headers: { host: 'evil.example' } }))
  const admin = await setupAdmin(op)
  const client = await createClient(admin.browser, { id: 'parity' })
  note('account', await admin.browser.get('/settings/account'))
  note('me', await admin.browser.json('GET', '/api/users/me'))
  note('clients', await admin.browser.json('GET', '/api/oidc/clients'))
  note('bad client', await admin.browser.json('POST', '/api/oidc/clients', { name: '', callbackURLs: ['x'] }))
  note('bad JSON', await admin.browser.json('POST', '/api/oidc/clients', '{'))
  note('foreign origin', await admin.browser.json('POST', '/api/oidc/clients', {}, { origin: 'https://evil.example' }))
  const wrong = new Browser(op)
  note('wrong passkey', await answerPasskey(wrong, (await wrong.get('/login')).text, admin.authenticator, { signature: 'flip' }))
  const asked = request(client)
  const begun = note('authorize', await admin.browser.get(authorizePath(asked.params)))
  note('consent', await admin.browser.get(begun.location))
  const answer = note('code', await follow(admin.browser, await admin.browser.get(begun.location)))
  const grant = { code: delivered(answer, client.redirectUri).code!, request: asked, client }
  note('wrong verifier', await redeem(op, grant, { code_verifier: 'x'.repeat(43) }))
  const tokens = note('tokens', await redeem(op, grant)).json()
  note('userinfo', await userinfo(op, tokens.access_token))
  note('refresh', await refresh(op, client, tokens.refresh_token))
  note('code again', await redeem(op, grant))
  note('revoked token', await userinfo(op, tokens.access_token))
  note('form_post', await admin.browser.get(authorizePath(request(client, { response_mode: 'form_post' }).params)))
  note('silent error', await new Browser(op).get(authorizePath(request(client, { prompt: 'none', state: 'state-state' }).params)))
  note('sign-out', await admin.browser.post('/logout', {}))

  const text = `${JSON.stringify(record, null, 1)}\n`
  if (process.env.UPDATE_PARITY) writeFileSync(FILE, text)
  const expected = JSON.parse(readFileSync(FILE, 'utf8')) as Record<string, unknown>
  assert.deepEqual(Object.keys(record), Object.keys(expected))
  for (const name of Object.keys(record)) assert.deepEqual(record[name], expected[name], name)
})
