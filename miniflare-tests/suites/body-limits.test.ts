// Size and depth of what is sent, at every route that the API description names.
import assert from 'node:assert/strict'
import { Browser } from '../harness/browser.ts'
import { answerPasskey, authorizePath, createClient, follow, request, setupAdmin, signIn, type Client, type Person } from '../harness/flows.ts'
import { passkeyForm } from '../harness/html.ts'
import { form } from '../harness/http.ts'
import { subject, test } from '../harness/test.ts'

const op = subject()
let admin: Person
let client: Client
let writes: { method: string; path: string; body: boolean }[]

test('set-up', async () => {
  admin = await setupAdmin(op)
  client = await createClient(admin.browser, { skipConsent: true })
  const { paths } = (await op.send({ path: '/api/openapi.json' })).json() as { paths: Record<string, Record<string, { requestBody?: unknown }>> }
  writes = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).filter(([method]) => ['post', 'put', 'patch'].includes(method)).map(([method, row]) => ({
      method: method.toUpperCase(), path: path.replace(/\{[^}]*\}/g, client.id), body: row.requestBody !== undefined,
    })))
  assert.ok(writes.length >= 3, JSON.stringify(writes))
})

test('s55 JSON 10^5 levels deep is refused by every route of the API', async () => {
  const browser = await signIn(op, admin.authenticator)
  const deep = 100_000
  const wrong: string[] = []
  for (const { method, path, body } of writes) {
    if (!body || !path.startsWith('/api/') || path.startsWith('/api/oidc/token')) continue
    for (const text of ['['.repeat(deep), '['.repeat(deep) + ']'.repeat(deep), `{"name":${'['.repeat(deep)}${']'.repeat(deep)}}`, '{"a":'.repeat(40_000) + '1' + '}'.repeat(40_000)]) {
      const answer = await browser.json(method, path, text)
      if (answer.status !== 400) wrong.push(`${method} ${path} ${text.slice(0, 12)}: ${answer.status} ${answer.text.slice(0, 80)}`)
    }
  }
  assert.deepEqual(wrong, [])
  assert.equal((await op.send({ path: '/healthz' })).status, 204)
})

test('s55 JSON inside parameters and tokens, 30 000 levels deep, is refused or ignored', async () => {
  const deep = '{"a":'.repeat(6_000) + '1' + '}'.repeat(6_000)
  const lists = '['.repeat(15_000) + ']'.repeat(15_000)
  const jwt = (header: string, payload: string) => `${Buffer.from(header).toString('base64url')}.${Buffer.from(payload).toString('base64url')}.AAAA`
  const wrong: string[] = []
  for (const text of [deep, lists]) {
    const tokens = [jwt(text, '{}'), jwt('{"alg":"RS256","kid":"x"}', text), jwt(`{"alg":"RS256","x":${text}}`, '{}')]
    const asks: [string, Record<string, string>][] = [
      ['/authorize', { ...request(client).params, claims: text }],
      ...tokens.flatMap((one): [string, Record<string, string>][] => [
        ['/authorize', { ...request(client).params, id_token_hint: one }],
        ['/authorize', { ...request(client).params, request: one }],
        ['/api/oidc/end-session', { id_token_hint: one }],
        ['/api/oidc/userinfo', { access_token: one }],
        ['/api/oidc/token', { grant_type: 'refresh_token', refresh_token: one, client_id: client.id, client_secret: client.secret! }],
        ['/api/oidc/token', { grant_type: 'authorization_code', code: 'x', client_id: client.id, client_assertion: one, client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer' }],
      ]),
    ]
    for (const [path, fields] of asks) {
      const answer = await op.send({ method: 'POST', path, body: form(fields), headers: { 'content-type': 'application/x-www-form-urlencoded', origin: op.url } })
      if (answer.status >= 500) wrong.push(`${path} ${Object.keys(fields).at(-1)}: ${answer.status}`)
    }
    const browser = new Browser(op)
    const page = await browser.get('/login')
    const asked = passkeyForm(page.text)
    const answer = await browser.post(asked.action, { ...asked.fields, response: text })
    if (answer.status >= 500) wrong.push(`/login: ${answer.status}`)
  }
  assert.deepEqual(wrong, [])
  const browser = new Browser(op)
  assert.equal((await answerPasskey(browser, (await browser.get('/login')).text, admin.authenticator)).status, 303)
})

test('s55 bodies beyond the limit of their route are refused, with and without a length', async () => {
  const browser = await signIn(op, admin.authenticator)
  const wrong: string[] = []
  for (const { method, path, body } of writes) {
    if (!path.startsWith('/api/') || !body) continue
    for (const more of [{}, { 'transfer-encoding': 'chunked' }]) {
      const answer = await browser.json(method, path, JSON.stringify({ name: 'x'.repeat(300_000) }), more)
      if (answer.status !== 413) wrong.push(`${method} ${path} ${JSON.stringify(more)}: ${answer.status}`)
    }
  }
  assert.deepEqual(wrong, [])
})

test('s55 a body where none is expected is refused or ignored', async () => {
  for (const path of ['/', '/login', '/.well-known/openid-configuration', '/.well-known/jwks.json', '/healthz', '/api/users/me']) {
    const answer = await op.send({ method: 'GET', path, body: 'x'.repeat(100), headers: { 'content-type': 'text/plain' } }).catch((e: Error) => e)
    if (!(answer instanceof Error)) assert.ok(answer.status < 500, `${path}: ${answer.status}`)
  }
  assert.equal((await op.send({ path: '/healthz' })).status, 204)
})

test('s55 state and nonce up to 1024 bytes, callbacks up to 2048, and no more', async () => {
  const browser = await signIn(op, admin.authenticator)
  for (const name of ['state', 'nonce']) {
    for (const [length, isGood] of [[1024, true], [1025, false]] as const) {
      const asked = request(client, { [name]: 'x'.repeat(length) })
      const back = new URL((await follow(browser, await browser.get(authorizePath(asked.params)))).location).searchParams
      assert.equal(back.get('error'), isGood ? null : 'invalid_request', `${name} of ${length}`)
    }
  }
  const long = (length: number) => `https://app.example.com/${'a'.repeat(length - 24)}`
  const wild = await createClient(browser, { callbackURLs: ['https://app.example.com/*'], skipConsent: true })
  for (const [length, status] of [[2048, 303], [2049, 400]] as const) {
    const asked = request({ ...wild, redirectUri: long(length) })
    assert.equal((await browser.get(authorizePath(asked.params))).status, status, `${length}`)
  }
  const grows = request({ ...wild, redirectUri: `https://app.example.com/${'<'.repeat(1100)}` })
  assert.equal((await browser.get(authorizePath(grows.params))).status, 400, 'it is too long once it is encoded')
})
