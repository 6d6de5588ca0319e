import assert from 'node:assert/strict'
import { BROWSER, Browser, SESSION } from '../harness/browser.ts'
import {
  answerPasskey, assertOAuthError, authorizePath, basic, createClient, getCode, getTokens, redemption, request, setupAdmin, signIn, token, userinfo,
  type Client, type Person,
} from '../harness/flows.ts'
import { forms, passkeyForm } from '../harness/html.ts'
import { form, type Answer, type Headers } from '../harness/http.ts'
import { subject, test } from '../harness/test.ts'

const op = subject()
let admin: Person
let client: Client
let strict: Client

const directive = (answer: Answer, name: string) =>
  (answer.header('content-security-policy') ?? '').split(';').map((d) => d.trim()).find((d) => d === name || d.startsWith(`${name} `))

/** One answer of every HTML page there is. */
async function pages(): Promise<Record<string, Answer>> {
  const signed = await signIn(op, admin.authenticator)
  const anonymous = new Browser(op)
  const interaction = async (browser: Browser, c: Client, changes = {}) => {
    const begun = await browser.get(authorizePath(request(c, changes).params))
    return browser.get(begun.location)
  }
  const wrong = new Browser(op)
  const leaving = await signIn(op, admin.authenticator)
  await op.advance(5)
  return {
    login: await anonymous.get('/login'),
    'wrong passkey': await answerPasskey(wrong, (await wrong.get('/login')).text, admin.authenticator, { signature: 'flip' }),
    'setup gone': await anonymous.get('/setup'),
    account: await signed.get('/settings/account'),
    'sign-out question': await signed.get('/logout'),
    'signed out': await leaving.post('/logout', {}),
    'interaction: authenticate': await interaction(anonymous, client),
    'interaction: consent': await interaction(signed, strict),
    'interaction: select_account': await interaction(signed, client, { prompt: 'select_account' }),
    'form_post': await signed.get(authorizePath(request(client, { response_mode: 'form_post' }).params)),
    'form_post error': await anonymous.get(authorizePath(request(client, { response_mode: 'form_post', prompt: 'none' }).params)),
    'authorize error': await anonymous.get('/authorize?client_id=nobody'),
    'interaction error': await anonymous.get('/interaction?interaction=nothing'),
    'not found': await anonymous.get('/no-such-page'),
    'refused origin': await signed.post('/logout', {}, { origin: 'https://evil.example' }),
  }
}

test('set-up', async () => {
  admin = await setupAdmin(op)
  client = await createClient(admin.browser, { skipConsent: true, callbackURLs: ['http://127.0.0.1:9/callback', 'https://spa.example/cb'] })
  strict = await createClient(admin.browser)
})

test('s10 no page can be framed', async () => {
  for (const [name, page] of Object.entries(await pages())) {
    assert.match(page.header('content-type') ?? '', /^text\/html; ?charset=utf-8/i, name)
    assert.equal(directive(page, 'frame-ancestors'), "frame-ancestors 'none'", name)
    assert.equal(page.header('x-frame-options')?.toUpperCase(), 'DENY', name)
  }
})

test('s59 every page has a strict policy and the other protective headers', async () => {
  for (const [name, page] of Object.entries(await pages())) {
    assert.equal(directive(page, 'default-src'), "default-src 'none'", name)
    assert.equal(directive(page, 'base-uri'), "base-uri 'none'", name)
    for (const source of ['script-src', 'style-src']) assert.doesNotMatch(directive(page, source) ?? '', /unsafe|\*|https?:/, `${name} ${source}`)
    assert.ok(directive(page, 'form-action'), `${name} has form-action`)
    assert.doesNotMatch(directive(page, 'form-action')!, /\*|javascript|data:/, name)
    assert.equal(page.header('x-content-type-options'), 'nosniff', name)
    // `no-referrer` would make browsers send `Origin: null` with the page's own forms.
    assert.equal(page.header('referrer-policy'), 'same-origin', name)
    // Apps open the way to them in a popup and wait for it; nobody has business with the account pages.
    assert.equal(page.header('cross-origin-opener-policy'), name === 'account' || name === 'setup gone' ? 'same-origin' : undefined, name)
    assert.match(page.header('permissions-policy') ?? '', /publickey-credentials-get=\(self\)/, name)
    assert.match(page.header('permissions-policy') ?? '', /publickey-credentials-create=\(self\)/, name)
    assert.match(page.header('cache-control') ?? '', /no-store/, name)
    assert.doesNotMatch(page.text, /<script(?![^>]*\ssrc=)[^>]*>/i, `${name}: no inline script`)
    assert.doesNotMatch(page.text, /<style|\sstyle=|\son[a-z]+=/i, `${name}: no inline style or handler`)
  }
})

test('s59 only forms on the way to an app may end elsewhere, anywhere on the web or at the app’s own scheme', async () => {
  const all = await pages()
  const sources = (page: Answer) => directive(page, 'form-action')!.split(' ').slice(1).sort()
  for (const name of ['login', 'wrong passkey', 'account', 'not found', 'sign-out question', 'signed out']) assert.deepEqual(sources(all[name]!), ["'self'"], name)
  for (const name of ['interaction: authenticate', 'interaction: consent', 'interaction: select_account', 'form_post']) {
    assert.deepEqual(sources(all[name]!), ["'self'", 'http:', 'https:'], name)
  }
  const native = await createClient(await signIn(op, admin.authenticator), { callbackURLs: ['com.example.app:/cb'] })
  const signed = await signIn(op, admin.authenticator)
  const consent = await signed.get((await signed.get(authorizePath(request(native).params))).location)
  assert.deepEqual(sources(consent), ["'self'", 'com.example.app:', 'http:', 'https:'])
})

test('every answer has a request id of its own and never repeats one that was sent', async () => {
  const ids = new Set<string>()
  for (const path of ['/login', '/healthz', '/.well-known/jwks.json', '/api/users/me', '/nothing', '/authorize', '/api/oidc/token']) {
    const answer = await op.send({ path, headers: { 'x-request-id': 'mine' } })
    assert.match(answer.header('x-request-id') ?? '', /^[0-9a-f-]{36}$/, path)
    assert.equal(answer.header('x-content-type-options'), 'nosniff', path)
    assert.ok(answer.header('content-security-policy'), path)
    ids.add(answer.header('x-request-id')!)
  }
  assert.equal(ids.size, 7)
})

test('no answer tells what software runs', async () => {
  for (const path of ['/login', '/api/users/me', '/nothing']) {
    const answer = await op.send({ path })
    assert.equal(answer.header('server'), undefined)
    assert.equal(answer.header('x-powered-by'), undefined)
  }
}, { only: 'native' })

test('assets have hashed names, long caching and their type', async () => {
  const page = await new Browser(op).get('/login')
  const assets = [...page.text.matchAll(/(?:src|href)="(\/assets\/[^"]+)"/g)].map((m) => m[1]!)
  assert.ok(assets.some((a) => a.endsWith('.js')) && assets.some((a) => a.endsWith('.css')))
  for (const path of assets) {
    const answer = await op.send({ path })
    assert.equal(answer.status, 200, path)
    assert.match(answer.header('cache-control') ?? '', /max-age=31536000/, path)
    assert.match(answer.header('cache-control') ?? '', /immutable/, path)
    assert.match(answer.header('content-type') ?? '', path.endsWith('.js') ? /javascript/ : path.endsWith('.css') ? /^text\/css/ : /./)
    assert.equal(answer.header('x-content-type-options'), 'nosniff', path)
    const gz = await op.send({ path, headers: { 'accept-encoding': 'gzip' } })
    if (path.endsWith('.js') || path.endsWith('.css')) assert.equal(gz.header('content-encoding'), 'gzip', path)
  }
  assert.equal((await op.send({ path: '/assets/nothing.js' })).status, 404)
  for (const path of ['/assets/../healthz', '/assets/%2e%2e/%2e%2e/etc/passwd', '/assets//etc/passwd', '/assets/..%5c..%5cetc']) {
    assert.ok([400, 404, 204].includes((await op.send({ path })).status), path)
  }
})

test('s44 another Host is refused or told its mistake, and no link or cookie follows it', async () => {
  for (const host of ['evil.example', `evil.example:${op.peer.port}`, `localhost.evil.example:${op.peer.port}`, `127.0.0.1:${op.peer.port}`, 'localhost', '']) {
    for (const path of ['/login', '/setup', '/', '/authorize?client_id=x', '/.well-known/openid-configuration', '/api/oidc/end-session']) {
      const answer = await op.send({ path, headers: { host } })
      assert.ok(answer.status < 500, `${host} ${path}: ${answer.status}`)
      const location = answer.headers.location
      if (location) assert.ok(location.startsWith('/') || location.startsWith(`${op.url}/`), `${host} ${path} → ${location}`)
      for (const f of forms(answer.text)) assert.ok((f.attributes.action ?? '').startsWith('/') || (f.attributes.action ?? '').startsWith(op.url))
      assert.doesNotMatch(answer.text, /(href|src|action)="(https?:)?\/\/[^"]*evil/, `${host} ${path}`)
    }
  }
  const page = await op.send({ path: '/login', headers: { host: 'evil.example' } })
  assert.ok([400, 421].includes(page.status) || page.text.includes(op.url), 'it says the right address')
})

test('s44 forwarding headers change no address', async () => {
  const spoof: Headers = { 'x-forwarded-host': 'evil.example', 'x-forwarded-proto': 'https', 'x-forwarded-port': '444', forwarded: 'host=evil.example', 'x-original-host': 'evil.example', 'x-rewrite-url': '/setup' }
  const browser = new Browser(op)
  for (const path of ['/', '/login', '/settings/account', authorizePath(request(client).params)]) {
    const answer = await browser.get(path, spoof)
    assert.ok(!JSON.stringify(answer.headers).includes('evil.example'), path)
    assert.ok(!answer.text.includes('evil.example'), path)
    for (const line of answer.setCookies) assert.doesNotMatch(line, /__Host-|Secure/i)
  }
})

test('s55 bodies beyond a route’s limit are refused', async () => {
  const big = (n: number) => 'x'.repeat(n)
  const type = 'application/x-www-form-urlencoded'
  const authorization = basic(client.id, client.secret!)
  const at = async (n: number) => op.send({ method: 'POST', path: '/api/oidc/token', headers: { 'content-type': type, authorization }, body: form({ grant_type: 'refresh_token', refresh_token: big(n) }) })
  assert.equal((await at(60_000)).status, 400)
  assert.equal((await at(66_000)).status, 413)
  const signed = await signIn(op, admin.authenticator)
  const json = (n: number) => signed.json('POST', '/api/oidc/clients', JSON.stringify({ name: 'x', callbackURLs: [], description: big(n) }))
  assert.equal((await json(200_000)).status, 400)
  assert.equal((await json(300_000)).status, 413)
  for (const path of ['/login', '/interaction', '/authorize', '/logout', '/api/oidc/userinfo', '/api/oidc/end-session']) {
    const answer = await signed.post(path, { x: big(100_000) })
    assert.ok([400, 413].includes(answer.status), `${path}: ${answer.status}`)
  }
  const chunked = await op.send({ method: 'POST', path: '/api/oidc/token', headers: { 'content-type': type, authorization, 'transfer-encoding': 'chunked' }, body: form({ grant_type: 'refresh_token', refresh_token: big(66_000) }) })
  assert.equal(chunked.status, 413, 'without Content-Length too')
})

test('s55 deep JSON is refused and hurts nobody', async () => {
  const signed = await signIn(op, admin.authenticator)
  for (const body of ['['.repeat(100_000), '['.repeat(100_000) + ']'.repeat(100_000), `{"name":${'['.repeat(100_000)}`, '{"a":'.repeat(40_000)]) {
    const answer = await signed.json('POST', '/api/oidc/clients', body)
    assert.equal(answer.status, 400, answer.text.slice(0, 100))
    assert.equal(answer.json().code, 'invalid_request_body')
  }
  assert.equal((await op.send({ path: '/healthz' })).status, 204)
})

test('s55 many parameters, long addresses and long headers are refused or ignored, never an error of ours', async () => {
  const many = Array.from({ length: 5000 }, (_, i) => [`p${i}`, 'x'] as [string, string])
  const asks: Parameters<typeof op.send>[0][] = [
    { path: `/login?${'x'.repeat(12_000)}` },
    { path: `/authorize?${form(many).slice(0, 12_000)}` },
    { method: 'POST', path: '/api/oidc/token', headers: { 'content-type': 'application/x-www-form-urlencoded' }, body: form(many) },
    { path: '/login', headers: { cookie: Array.from({ length: 500 }, (_, i) => `c${i}=x`).join('; ') } },
    { path: '/login', headers: { 'accept-language': 'x,'.repeat(2000) } },
    { path: '/login', headers: { 'user-agent': 'x'.repeat(10_000) } },
  ]
  for (const ask of asks) {
    const answer = await op.send(ask)
    assert.ok(answer.status < 500, `${ask.path.slice(0, 40)}: ${answer.status}`)
  }
})

/** All cross-origin answers of the token and userinfo endpoints to a page of this origin. */
async function crossOrigin(origin: string): Promise<Record<string, Answer>> {
  const person = { browser: await signIn(op, admin.authenticator), authenticator: admin.authenticator }
  const tokens = await getTokens(op, person, client)
  const answers: Record<string, Answer> = {
    userinfo: await userinfo(op, tokens.access_token, { origin }),
    'userinfo error': await userinfo(op, 'x', { origin }),
    token: await token(op, client, redemption(await getCode(person, client)), { origin }),
    'token error': await token(op, client, { grant_type: 'authorization_code', code: 'x' }, { origin }),
  }
  for (const path of ['/api/oidc/token', '/api/oidc/userinfo']) {
    answers[`preflight ${path}`] = await op.send({ method: 'OPTIONS', path, headers: { origin, 'access-control-request-method': 'POST', 'access-control-request-headers': 'authorization,content-type' } })
  }
  return answers
}

test('s58 a registered app may call token and userinfo from its own origin, never with cookies', async () => {
  for (const origin of ['https://spa.example', 'http://127.0.0.1:9']) {
    for (const [what, answer] of Object.entries(await crossOrigin(origin))) {
      const allowed = answer.header('access-control-allow-origin')
      assert.ok(allowed === '*' || allowed === origin, `${what} from ${origin}: ${allowed}`)
      if (allowed === origin) assert.match(answer.header('vary') ?? '', /origin/i, what)
      assert.equal(answer.header('access-control-allow-credentials'), undefined, what)
      if (what.startsWith('preflight')) {
        assert.equal(answer.status, 204)
        assert.match(answer.header('access-control-allow-methods') ?? '', /POST/)
        for (const name of ['authorization', 'content-type']) assert.ok((answer.header('access-control-allow-headers') ?? '').toLowerCase().includes(name), name)
      }
    }
  }
})

test('s58 the null origin is refused', async () => {
  for (const [what, answer] of Object.entries(await crossOrigin('null'))) assert.equal(answer.header('access-control-allow-origin'), undefined, what)
})

test('s58 token and userinfo are closed to origins of no registered app', async () => {
  const wrong: string[] = []
  for (const origin of ['https://evil.example', 'https://spa.example.evil.example', 'http://spa.example']) {
    for (const [what, answer] of Object.entries(await crossOrigin(origin))) {
      if (answer.header('access-control-allow-origin') !== undefined) wrong.push(`${what} from ${origin}`)
    }
  }
  assert.deepEqual(wrong, [])
})

test('s58 nothing else may be read from another origin', async () => {
  for (const path of ['/api/users/me', '/api/oidc/clients', `/api/oidc/clients/${client.id}/meta`, '/login', '/authorize', '/interaction', '/healthz', '/settings/account']) {
    for (const method of ['GET', 'OPTIONS']) {
      const answer = await op.send({ method, path, headers: { origin: 'https://spa.example', 'access-control-request-method': 'POST' } })
      assert.equal(answer.header('access-control-allow-origin'), undefined, `${method} ${path}`)
    }
  }
})

test('s60 garbage sent to every route is never an error of ours', async () => {
  const signed = await signIn(op, admin.authenticator)
  const routes = ['/', '/setup', '/login', '/authorize', '/interaction', '/settings/account', '/settings/account/passkeys', '/logout', '/api/oidc/end-session', '/api/oidc/token', '/api/oidc/userinfo', '/api/oidc/clients', `/api/oidc/clients/${client.id}`, `/api/oidc/clients/${client.id}/secrets`, `/api/oidc/clients/${client.id}/secrets/x`, '/api/oidc/clients/%00/meta', '/api/oidc/clients/~!!/meta', '/api/users/me', '/.well-known/openid-configuration', '/.well-known/jwks.json', '/healthz', '/robots.txt', '/api/openapi.json', '/assets/x', '/%', '/%ff%fe', '/\\..\\', '//', '/a//b', '/;x']
  const bodies = ['', '\u0000', '{}', '%', '%zz=%', 'a=%ff%fe', 'a=1&a=2&=&&&=x', '[[[[', '{"name":{"a":1},"callbackURLs":[[]]}', '\ud800', 'x'.repeat(3000), Buffer.from([0xff, 0xfe, 0x00, 0x80])]
  const types = ['application/x-www-form-urlencoded', 'application/json', 'multipart/form-data', '', 'x', 'application/json; charset=utf-16']
  const heads: Headers[] = [
    { authorization: 'Basic' }, { authorization: 'Basic !!!' }, { authorization: 'Basic OjoOg==' }, { authorization: `Basic ${Buffer.from('%zz:%').toString('base64')}` },
    { authorization: `Basic ${Buffer.from([0xff, 0x3a, 0xfe]).toString('base64')}` }, { authorization: 'Bearer \u00ff' }, { authorization: ['Basic YTpi', 'Basic YTpi'] },
    { cookie: `${SESSION}=` }, { cookie: `${SESSION}=\u00ff; ${BROWSER}=%00` }, { cookie: '=;;;=' }, { cookie: `${SESSION}=a; ${SESSION}=b` },
    { origin: 'x' }, { origin: '' }, { 'sec-fetch-site': 'x' }, { 'content-length': '0' }, { 'accept-language': ';q=x,*;q=9' }, { 'x-forwarded-for': 'x, ,::' }, { range: 'bytes=9-1' }, { expect: 'x' },
  ]
  const wrong: string[] = []
  const check = async (browser: Browser | undefined, ask: Parameters<typeof op.send>[0]) => {
    const answer = await (browser ? browser.send(ask) : op.send(ask)).catch((error: Error) => error)
    if (answer instanceof Error) {
      // A broken HTTP request may be cut off by the HTTP layer; the server must live on.
      if (!/reset|hang up|parse/i.test(answer.message)) wrong.push(`${ask.method ?? 'GET'} ${ask.path}: ${answer.message}`)
    } else if (answer.status >= 500) wrong.push(`${ask.method ?? 'GET'} ${ask.path} ${JSON.stringify(ask.headers)} ${String(ask.body).slice(0, 30)}: ${answer.status}`)
  }
  for (const path of routes) {
    for (const headers of heads) await check(undefined, { path, headers })
    for (const query of ['?', '?%', '?a=%ff', '?interaction=%00', '?client_id=%00&redirect_uri=%ff', '?x=1&x=2', '?pagination[page]=x&pagination[limit]=-1&sort[column]=%00&search=%00']) await check(signed, { path: path + query })
    for (const method of ['POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS', 'HEAD', 'TRACE', 'PROPFIND']) {
      if (method === 'DELETE' && path === `/api/oidc/clients/${client.id}`) continue
      if (method === 'POST' && path === '/logout') continue
      await check(signed, { method, path, headers: { origin: op.url } })
    }
    if (path === '/logout') continue
    for (const [i, body] of bodies.entries()) {
      for (const type of types) {
        await check(i % 2 ? signed : undefined, { method: 'POST', path, body, headers: { 'content-type': type, origin: op.url } })
        if (path.includes('/clients/')) await check(signed, { method: 'PUT', path, body, headers: { 'content-type': type, origin: op.url } })
      }
    }
  }
  assert.deepEqual(wrong, [])
  assert.equal((await op.send({ path: '/healthz' })).status, 204)
  assert.equal((await (await signIn(op, admin.authenticator)).json('GET', '/api/users/me')).status, 200)
})

test('s60 garbage at the token endpoint has an OAuth answer', async () => {
  for (const authorization of ['Basic', 'Basic !!!', 'Basic Og==', `Basic ${Buffer.from('%zz:x').toString('base64')}`, 'Bearer x', 'Digest x']) {
    const answer = await token(op, undefined, { grant_type: 'authorization_code', code: 'x', redirect_uri: 'x' }, { authorization })
    assert.ok([400, 401].includes(answer.status), authorization)
    assert.ok(['invalid_request', 'invalid_client'].includes(answer.json().error), answer.text)
  }
  for (const body of ['%', 'grant_type=%ff', 'grant_type', '=', 'grant_type=authorization_code&code=%00&redirect_uri=%00']) {
    const answer = await op.send({ method: 'POST', path: '/api/oidc/token', body, headers: { 'content-type': 'application/x-www-form-urlencoded', authorization: basic(client.id, client.secret!) } })
    assert.equal(answer.status, 400, body)
    assert.ok(answer.json().error)
  }
  assertOAuthError(await token(op, undefined, {}), 401, 'invalid_client')
})

test('s03 hostile text is shown as text on every page that shows it', async () => {
  const evil = '"><img src=x onerror=alert(1)>'
  const signed = await signIn(op, admin.authenticator)
  const made = await signed.json('POST', '/api/oidc/clients', { name: evil, description: evil, callbackURLs: ['http://127.0.0.1:9/callback'] })
  assert.equal(made.status, 201)
  const c: Client = { id: made.json().id, secret: undefined, redirectUri: 'http://127.0.0.1:9/callback' }
  const begun = await signed.get(authorizePath(request(c, { login_hint: evil, state: evil }).params))
  for (const page of [
    await signed.get(begun.location),
    await signed.get(`/authorize?client_id=${encodeURIComponent(evil)}&redirect_uri=${encodeURIComponent(evil)}&state=${encodeURIComponent(evil)}`),
    await signed.get(`/interaction?interaction=${encodeURIComponent(evil)}`),
    await new Browser(op).get(`/login?redirect=${encodeURIComponent(`/${evil}`)}`),
    await signed.get(`/${encodeURIComponent(evil)}`),
  ]) {
    assert.ok(!page.text.includes('<img src=x'), page.text.slice(0, 500))
  }
  const login = await new Browser(op).get(`/login?redirect=${encodeURIComponent(`/x${evil}`)}`)
  assert.equal(passkeyForm(login.text).fields.redirect, '/settings/account', 'no path of ours')
})

test('a store round trip count is kept', async () => {
  const stats = async () => (await op.send({ path: '/__test/stats' })).json().db_batches as number
  const one = { browser: await signIn(op, admin.authenticator), authenticator: admin.authenticator }
  const grant = await getCode(one, client)
  const before = await stats()
  assert.equal((await token(op, client, redemption(grant))).status, 200)
  const used = (await stats()) - before
  assert.ok(used >= 1 && used <= 2, `${used} batches for a code exchange (goal: at most 2)`)
  const names: Record<string, number> = {}
  const asks: [string, () => Promise<Answer>][] = [
    ['GET /login', () => new Browser(op).get('/login')],
    ['GET /settings/account', () => one.browser.get('/settings/account')],
    ['GET /authorize', () => one.browser.get(authorizePath(request(client).params))],
    ['GET /api/oidc/clients', () => one.browser.json('GET', '/api/oidc/clients')],
    ['GET /.well-known/jwks.json', () => op.send({ path: '/.well-known/jwks.json' })],
  ]
  for (const [name, ask] of asks) {
    await ask()
    const from = await stats()
    await ask()
    names[name] = (await stats()) - from
  }
  console.log(`store batches: code exchange ${used}, ${Object.entries(names).map(([name, n]) => `${name} ${n}`).join(', ')}`)
  assert.deepEqual(Object.entries(names).filter(([, n]) => n > 2), [])
})
