// Pushed authorization requests (RFC 9126).
import assert from 'node:assert/strict'
import { Browser } from '../harness/browser.ts'
import {
  assertErrorPage, assertOAuthError, authorizePath, basic, createClient, delivered, follow, MODES, redeem, request, setupAdmin, signIn,
  type Client, type Person, type Request,
} from '../harness/flows.ts'
import { form, type Answer } from '../harness/http.ts'
import { subject, test } from '../harness/test.ts'

const op = subject()
const CB = 'http://127.0.0.1:9/callback'
const URN = 'urn:ietf:params:oauth:request_uri:'
let admin: Person
let client: Client
let publicClient: Client

const make = async (fields: Record<string, unknown>) => createClient(await signIn(op, admin.authenticator), { callbackURLs: [CB], skipConsent: true, ...fields })

/** Calls the endpoint, authenticated as the client is registered. */
function par(c: Client, params: Record<string, string> | [string, string][], headers: Record<string, string> = {}): Promise<Answer> {
  const auth: Record<string, string> = c.secret === undefined ? {} : { authorization: basic(c.id, c.secret) }
  return op.send({
    method: 'POST', path: '/api/oidc/par', body: form(params),
    headers: { 'content-type': 'application/x-www-form-urlencoded', ...auth, ...headers },
  })
}

/** Pushes a request and gives the address that uses it. */
async function push(c: Client, asked: Request): Promise<string> {
  const answer = await par(c, asked.params)
  assert.equal(answer.status, 201, answer.text)
  return authorizePath({ client_id: c.id, request_uri: answer.json().request_uri })
}

const stored = async () => Number((await op.sql('SELECT COUNT(*) FROM pushed_requests'))[0]![0])

test('set-up of the clients', async () => {
  admin = await setupAdmin(op)
  client = await make({})
  publicClient = await make({ isPublic: true })
})

test('s08 a pushed request is answered with a URN that counts once, for 90 seconds', async () => {
  const browser = await signIn(op, admin.authenticator)
  for (const c of [client, publicClient]) {
    const asked = request(c)
    const answer = await par(c, asked.params)
    assert.equal(answer.status, 201, answer.text)
    assert.equal(answer.header('cache-control'), 'no-store')
    const { request_uri, expires_in, ...rest } = answer.json()
    assert.match(request_uri, /^urn:ietf:params:oauth:request_uri:[A-Za-z0-9_-]{43}$/)
    assert.deepEqual([expires_in, rest], [90, {}])
    const path = authorizePath({ client_id: c.id, request_uri })
    const params = delivered(await browser.get(path), CB)
    assert.equal(params.state, asked.state)
    assert.equal((await redeem(op, { code: params.code!, request: asked, client: c })).status, 200)
    assertErrorPage(await browser.get(path))
    assertErrorPage(await browser.get(path))
  }
})

test('s08 the URN of another client, an unknown one and an expired one are a page', async () => {
  const browser = await signIn(op, admin.authenticator)
  const asked = request(client)
  const path = await push(client, asked)
  const urn = new URL(path, op.url).searchParams.get('request_uri')!
  assertErrorPage(await browser.get(authorizePath({ client_id: publicClient.id, request_uri: urn })))
  assertErrorPage(await browser.get(authorizePath({ request_uri: urn })))
  assertErrorPage(await browser.get(authorizePath({ client_id: client.id, request_uri: `${URN}${'x'.repeat(43)}` })))
  assert.ok(delivered(await browser.get(path), CB).code, 'the other client did not use it up')
  const late = await push(client, request(client))
  await op.advance(90)
  assertErrorPage(await browser.get(late))
})

test('s08 50 uses of one URN at once give one code', async () => {
  const browser = await signIn(op, admin.authenticator)
  const path = await push(client, request(client))
  const answers = await Promise.all(Array.from({ length: 50 }, () => browser.get(path)))
  const good = answers.filter((a) => a.status === 303)
  assert.equal(good.length, 1, answers.map((a) => a.status).join())
  assert.ok(delivered(good[0]!, CB).code)
  for (const answer of answers.filter((a) => a.status !== 303)) assertErrorPage(answer)
})

test('s40 HEAD does not use a URN up', async () => {
  const browser = await signIn(op, admin.authenticator)
  const path = await push(client, request(client))
  for (let i = 0; i < 10; i++) assert.equal((await browser.send({ method: 'HEAD', path })).status, 204)
  assert.ok(delivered(await browser.get(path), CB).code)
})

test('s05 what is sent beside the URN does not count', async () => {
  const browser = await signIn(op, admin.authenticator)
  const asked = request(client, { scope: 'openid' })
  const path = await push(client, asked)
  const beside = { scope: 'openid groups', state: 'evil', redirect_uri: 'https://evil.example/', response_mode: 'fragment', response_type: 'token', prompt: 'none login' }
  const params = delivered(await browser.get(`${path}&${form(beside)}`), CB)
  assert.equal(params.state, asked.state)
  assert.equal((await redeem(op, { code: params.code!, request: asked, client })).json().scope, 'openid')
  const twice = await push(client, request(client))
  for (const name of ['client_id', 'request_uri']) assertErrorPage(await browser.get(`${twice}&${name}=x`))
  assert.ok(delivered(await browser.get(twice), CB).code, 'a malformed request uses nothing up')
})

test('a person who has to sign in goes on with the interaction, also after reloading', async () => {
  const browser = new Browser(op)
  const asked = request(client)
  const begun = await browser.get(await push(client, asked))
  assert.match(begun.location, /\/interaction\?interaction=/)
  await browser.get(begun.location)
  const answer = await follow(browser, await browser.get(begun.location), { authenticator: admin.authenticator })
  assert.equal(delivered(answer, CB).state, asked.state)
})

test('s03 a request is checked when it is pushed, and nothing is stored', async () => {
  const before = await stored()
  const bad: [string, Record<string, string | undefined>, string][] = [
    ['callback', { redirect_uri: 'https://evil.example/' }, 'invalid_request'],
    ['no callback', { redirect_uri: undefined }, 'invalid_request'],
    ['no response_type', { response_type: undefined }, 'invalid_request'],
    ['token', { response_type: 'token' }, 'unsupported_response_type'],
    ['mode', { response_mode: 'web_message' }, 'invalid_request'],
    ['scope', { scope: '"' }, 'invalid_scope'],
    ['plain', { code_challenge_method: 'plain' }, 'invalid_request'],
    ['prompt', { prompt: 'dance' }, 'invalid_request'],
    ['max_age', { max_age: 'soon' }, 'invalid_request'],
    ['hint', { id_token_hint: 'garbage' }, 'invalid_request'],
    ['request_uri', { request_uri: `${URN}x` }, 'invalid_request'],
    ['foreign request_uri', { request_uri: 'https://app.example/r' }, 'invalid_request'],
    ['request', { request: 'x' }, 'invalid_request_object'],
    ['too long', { made_up: 'x'.repeat(20_000) }, 'invalid_request'],
  ]
  for (const c of [client, publicClient]) {
    for (const [what, changes, error] of bad) {
      const answer = await par(c, request(c, changes).params)
      assert.equal(answer.json().error, error, `${what}: ${answer.text}`)
      assertOAuthError(answer, 400, error)
    }
    for (const name of Object.keys(request(c).params)) {
      const pairs = Object.entries(request(c).params)
      assertOAuthError(await par(c, [...pairs, [name, 'again']]), 400, 'invalid_request')
    }
  }
  assert.equal(await stored(), before)
})

test('s17 the client authenticates as at the token endpoint', async () => {
  const before = await stored()
  const { params } = request(client)
  assertOAuthError(await par({ ...client, secret: 'wrong' }, params), 401, 'invalid_client')
  assertOAuthError(await par({ ...client, secret: undefined }, params), 401, 'invalid_client')
  assertOAuthError(await par({ ...client, id: 'nobody' }, { ...params, client_id: 'nobody' }), 401, 'invalid_client')
  assertOAuthError(await par(client, { ...params, client_secret: client.secret! }), 400, 'invalid_request')
  assert.equal(await stored(), before)
  assert.equal((await par({ ...client, secret: undefined }, { ...params, client_secret: client.secret! })).status, 201)
  const [[kept]] = (await op.sql('SELECT request FROM pushed_requests ORDER BY created_at DESC LIMIT 1')) as [[string]]
  assert.ok(!kept.includes(client.secret!), 'no secret is kept')
  assertOAuthError(await op.send({ method: 'POST', path: '/api/oidc/par?x=1', headers: { 'content-type': 'application/x-www-form-urlencoded' }, body: form(params) }), 400, 'invalid_request')
  assertOAuthError(await op.send({ method: 'POST', path: '/api/oidc/par', headers: { 'content-type': 'application/json' }, body: JSON.stringify(params) }), 400, 'invalid_request')
  assert.equal((await op.send({ path: '/api/oidc/par' })).status, 405)
})

test('a client that requires pushed requests takes no others', async () => {
  const strict = await make({ requiresPushedAuthorizationRequests: true })
  const browser = await signIn(op, admin.authenticator)
  for (const mode of MODES) {
    const asked = request(strict, { response_mode: mode })
    const params = delivered(await browser.get(authorizePath(asked.params)), CB, mode)
    assert.deepEqual([params.error, params.state, params.iss], ['invalid_request', asked.state, op.url])
    assert.ok(delivered(await browser.get(await push(strict, asked)), CB, mode).code)
  }
})
