import assert from 'node:assert/strict'
import { ACCOUNTS, Browser, FOREIGN, SESSION } from '../harness/browser.ts'
import {
  addPerson, answerPasskey, assertErrorPage, authorize, authorizePath, createClient, decodeJwt, delivered, follow, getCode, getTokens, joinJwt, MODES,
  press, redeem, request, setupAdmin, signIn, type Client, type Person,
} from '../harness/flows.ts'
import { element, forms, passkeyForm, step } from '../harness/html.ts'
import { form, type Answer } from '../harness/http.ts'
import { subject, test } from '../harness/test.ts'

const op = subject()
const CB = 'http://127.0.0.1:9/callback'
let admin: Person
let client: Client
let publicClient: Client
let quiet: Client

const make = async (fields: Record<string, unknown>) => createClient(await signIn(op, admin.authenticator), fields)
const fresh = async () => ({ browser: await signIn(op, admin.authenticator), authenticator: admin.authenticator })

/** Parameters of an error that went to the redirect URI, with all that RFC 9207 and OIDC ask for. */
function refused(answer: Answer, state: string | undefined, error: string, mode = 'query', what = error): void {
  const params = delivered(answer, CB, mode)
  assert.equal(params.error, error, `${what}: ${JSON.stringify(params)}`)
  assert.equal(params.state, state, what)
  assert.equal(params.iss, op.url, `${what}: iss`)
  assert.equal(params.code, undefined)
  assert.ok((params.error_description ?? 'x').length > 0)
  assert.match(params.error_description ?? 'x', /^[\x20\x21\x23-\x5b\x5d-\x7e]+$/, 'RFC 6749 §4.1.2.1 characters')
}

test('set-up of the clients', async () => {
  admin = await setupAdmin(op)
  client = await make({ callbackURLs: [CB] })
  publicClient = await make({ callbackURLs: [CB], isPublic: true })
  quiet = await make({ callbackURLs: [CB], skipConsent: true })
})

test('anonymous → sign-in → consent → code; s04 the answer has code, state and iss', async () => {
  const browser = new Browser(op)
  const asked = request(client)
  const first = await browser.get(authorizePath(asked.params))
  assert.equal(first.status, 303)
  const to = new URL(first.location, op.url)
  assert.equal(to.pathname, '/interaction')
  assert.deepEqual([...to.searchParams.keys()], ['interaction'], 'the request itself never passes through the browser')
  const steps: string[] = []
  const answer = await follow(browser, first, {
    authenticator: admin.authenticator,
    seen: (name, page) => {
      steps.push(name)
      if (name === 'consent') assert.match(page, /Test app/)
    },
  })
  assert.deepEqual(steps, ['authenticate', 'consent'])
  const params = delivered(answer, CB)
  assert.ok(params.code)
  assert.equal(params.state, asked.state)
  assert.equal(params.iss, op.url)
  assert.deepEqual(Object.keys(params).filter((k) => !['code', 'state', 'iss', 'scope'].includes(k)), [])
})

test('consent is remembered, and asked again for more scopes', async () => {
  const one = await fresh()
  const steps: string[] = []
  await authorize(one.browser, request(client).params, { seen: (s) => steps.push(s) })
  assert.equal(steps.length, 0)
  await authorize(one.browser, request(client, { scope: 'openid' }).params, { seen: (s) => steps.push(s) })
  assert.equal(steps.length, 0)
  await authorize(one.browser, request(client, { scope: 'openid profile email groups' }).params, { seen: (s) => steps.push(s) })
  assert.deepEqual(steps, ['consent'])
})

test('s11 consent is asked again when the answer goes to another host', async () => {
  const other = 'http://other.test/callback'
  const moving = await make({ callbackURLs: [CB, `${CB}/2`, other] })
  const one = await fresh()
  const asks = async (redirectUri: string) => {
    const steps: string[] = []
    delivered(await authorize(one.browser, request({ ...moving, redirectUri }).params, { seen: (s) => steps.push(s) }), redirectUri)
    return steps
  }
  assert.deepEqual(await asks(CB), ['consent'])
  assert.deepEqual(await asks(`${CB}/2`), [], 'the same host')
  assert.deepEqual(await asks(other), ['consent'])
  assert.deepEqual(await asks(other), [])
  assert.deepEqual(await asks(CB), [], 'the first host is still agreed to')
})

test('a client with skipConsent is not asked about, unless prompt=consent', async () => {
  const one = await fresh()
  const steps: string[] = []
  delivered(await authorize(one.browser, request(quiet).params, { seen: (s) => steps.push(s) }), CB)
  assert.equal(steps.length, 0)
  delivered(await authorize(one.browser, request(quiet, { prompt: 'consent' }).params, { seen: (s) => steps.push(s) }), CB)
  assert.deepEqual(steps, ['consent'])
})

test('POST /authorize takes a form body', async () => {
  const one = await fresh()
  const asked = request(quiet)
  const answer = await follow(one.browser, await one.browser.post('/authorize', asked.params))
  assert.equal(delivered(answer, CB).state, asked.state)
})

test('s03 before client and callback are proven an error is a page here', async () => {
  const cases: Record<string, Record<string, string | undefined>> = {
    'unknown client': { client_id: 'nobody' },
    'no client': { client_id: undefined },
    'empty client': { client_id: '' },
    'no redirect_uri': { redirect_uri: undefined },
    'empty redirect_uri': { redirect_uri: '' },
    'foreign redirect_uri': { redirect_uri: 'https://evil.example/callback' },
    'relative redirect_uri': { redirect_uri: '/callback' },
    'script redirect_uri': { redirect_uri: 'javascript:alert(1)' },
    'data redirect_uri': { redirect_uri: 'data:text/html,x' },
    'control characters': { client_id: 'a\u0000b' },
  }
  const one = await fresh()
  for (const [what, changes] of Object.entries(cases)) {
    for (const browser of [new Browser(op), one.browser]) {
      for (const extra of [{}, { prompt: 'none' }, { response_mode: 'form_post' }, { response_type: 'token' }]) {
        const answer = await browser.get(authorizePath(request(client, { ...changes, ...extra }).params))
        assert.equal(answer.status, 400, `${what}: ${answer.text.slice(0, 200)}`)
        assertErrorPage(answer)
        assert.equal(element(answer.text, 'form', (a) => /evil|javascript|data:/.test(a.action ?? '')), undefined, what)
        assert.equal(element(answer.text, 'a', (a) => /^(https:\/\/evil|javascript|data:)/.test(a.href ?? '')), undefined, what)
      }
    }
  }
})

test('s01 s02 only registered addresses are gone to', async () => {
  const exact = await make({ callbackURLs: ['https://app.example.com/cb', 'http://127.0.0.1/loop', 'http://[::1]/loop', 'com.example.app:/cb'], skipConsent: true })
  const wild = await make({ callbackURLs: ['https://*.example.com/cb', 'https://path.test/a/*/z', 'https://deep.test/a/**', 'https://port.test:*/cb'], skipConsent: true })
  const one = await fresh()
  const outcome = async (c: Client, uri: string) => {
    const answer = await one.browser.get(authorizePath(request({ ...c, redirectUri: uri }).params))
    return answer.status === 303 && !one.browser.owns(answer.location) ? answer.location.split(/[?&](?:code|state|iss|scope)=/)[0] : answer.status
  }
  const cases: [Client, string, string | number][] = [
    [exact, 'https://app.example.com/cb', 'https://app.example.com/cb'],
    [exact, 'https://app.example.com/cb/', 400],
    [exact, 'https://app.example.com/cb?x=1', 400],
    [exact, 'https://app.example.com/CB', 400],
    [exact, 'http://app.example.com/cb', 400],
    [exact, 'https://app.example.com:444/cb', 400],
    [exact, 'https://app.example.com@evil.example/cb', 400],
    [exact, 'https://user@app.example.com/cb', 400],
    [exact, 'https://app.example.com.evil.example/cb', 400],
    [exact, 'https://app.example.com%2f@evil.example/cb', 400],
    [exact, 'https://evil.example\\@app.example.com/cb', 400],
    [exact, 'https://evil.example#app.example.com/cb', 400],
    [exact, 'https://app.example.com/cb#frag', 400],
    [exact, 'https://app.example.com/cb/../evil', 400],
    [exact, 'https://app.example.com/%63b', 400],
    [exact, 'https://app.example.com./cb', 400],
    [exact, ' https://app.example.com/cb', 400],
    [exact, 'https://app.example.com/cb\n', 400],
    [exact, 'https://app.exa\tmple.com/cb', 400],
    [exact, '//app.example.com/cb', 400],
    [exact, 'https:app.example.com/cb', 400],
    [exact, 'https:///app.example.com/cb', 400],
    [exact, 'http://127.0.0.1:51234/loop', 'http://127.0.0.1:51234/loop'],
    [exact, 'http://[::1]:51234/loop', 'http://[::1]:51234/loop'],
    [exact, 'http://localhost:51234/loop', 400],
    [exact, 'http://127.0.0.1:51234/other', 400],
    [exact, 'http://127.0.0.2:51234/loop', 400],
    [exact, 'https://127.0.0.1:51234/loop', 400],
    [exact, 'http://127.0.0.1.evil.example/loop', 400],
    [exact, 'com.example.app:/cb', 'com.example.app:/cb'],
    [exact, 'com.example.app:/cb2', 400],
    [exact, 'com.evil.app:/cb', 400],
    [wild, 'https://one.example.com/cb', 'https://one.example.com/cb'],
    [wild, 'https://example.com/cb', 400],
    [wild, 'https://evil.example/x.example.com/cb', 400],
    [wild, 'https://evil.example#.example.com/cb', 400],
    [wild, 'https://evil.example?.example.com/cb', 400],
    [wild, 'https://evil.example\\.example.com/cb', 400],
    [wild, 'https://evil.example@one.example.com/cb', 400],
    [wild, 'https://one.example.com@evil.example/cb', 400],
    [wild, 'https://path.test/a/b/z', 'https://path.test/a/b/z'],
    [wild, 'https://path.test/a/b/c/z', 400],
    [wild, 'https://path.test/a//z', 400],
    [wild, 'https://path.test/a/../z', 400],
    [wild, 'https://deep.test/a/b/c', 'https://deep.test/a/b/c'],
    [wild, 'https://deep.test/a/../b', 400],
    [wild, 'https://deep.test/a/%2e%2e/b', 400],
    [wild, 'https://port.test:8443/cb', 'https://port.test:8443/cb'],
    [wild, 'https://port.test:8443@evil.example/cb', 400],
  ]
  const wrong: string[] = []
  for (const [c, uri, expected] of cases) {
    const got = await outcome(c, uri)
    if (got !== expected) wrong.push(`${JSON.stringify(uri)}: ${got}, expected ${expected}`)
  }
  assert.deepEqual(wrong, [])
})

test('s03 each error goes back in each response mode, with state and iss', async () => {
  const one = await fresh()
  const denied = await make({ callbackURLs: [CB] })
  const bad: [string, Client, Record<string, string | undefined>, string, 'anonymous' | 'signed-in'][] = [
    ['no response_type', client, { response_type: undefined }, 'invalid_request', 'anonymous'],
    ['token', client, { response_type: 'token' }, 'unsupported_response_type', 'anonymous'],
    ['code id_token', client, { response_type: 'code id_token' }, 'unsupported_response_type', 'anonymous'],
    ['request object', client, { request: 'eyJhbGciOiJub25lIn0.e30.' }, 'invalid_request_object', 'anonymous'],
    ['both', client, { request: 'x', request_uri: 'urn:ietf:params:oauth:request_uri:x' }, 'invalid_request', 'anonymous'],
    ['unknown request_uri', client, { request_uri: 'urn:ietf:params:oauth:request_uri:x' }, 'invalid_request_uri', 'anonymous'],
    ['request_uri', client, { request_uri: 'https://evil.example/r' }, 'request_uri_not_supported', 'anonymous'],
    ['registration', client, { registration: '{}' }, 'registration_not_supported', 'anonymous'],
    ['plain PKCE', client, { code_challenge_method: 'plain' }, 'invalid_request', 'anonymous'],
    ['unknown PKCE', client, { code_challenge_method: 'S512' }, 'invalid_request', 'anonymous'],
    ['short challenge', client, { code_challenge: 'abc' }, 'invalid_request', 'anonymous'],
    ['method alone', client, { code_challenge: undefined }, 'invalid_request', 'anonymous'],
    ['public without PKCE', publicClient, { code_challenge: undefined, code_challenge_method: undefined }, 'invalid_request', 'anonymous'],
    ['none with login', client, { prompt: 'none login' }, 'invalid_request', 'anonymous'],
    ['unknown prompt', client, { prompt: 'dance' }, 'invalid_request', 'anonymous'],
    ['bad max_age', client, { max_age: 'soon' }, 'invalid_request', 'anonymous'],
    ['negative max_age', client, { max_age: '-1' }, 'invalid_request', 'anonymous'],
    ['bad id_token_hint', client, { id_token_hint: 'garbage' }, 'invalid_request', 'anonymous'],
    ['prompt=none anonymous', client, { prompt: 'none' }, 'login_required', 'anonymous'],
    ['prompt=none without consent', denied, { prompt: 'none' }, 'consent_required', 'signed-in'],
    ['prompt=none too old', quiet, { prompt: 'none', max_age: '0' }, 'login_required', 'signed-in'],
  ]
  const wrong: string[] = []
  for (const [what, c, changes, error, who] of bad) {
    for (const mode of MODES) {
      const asked = request(c, { ...changes, response_mode: mode })
      const browser = who === 'anonymous' ? new Browser(op) : one.browser
      const answer = await browser.get(authorizePath(asked.params))
      try {
        refused(answer, asked.state, error, mode, `${what}, ${mode}`)
      } catch (problem) {
        wrong.push(`${what}, ${mode}: ${(problem as Error).message.split('\n')[0]}`)
      }
    }
  }
  assert.deepEqual(wrong, [])
})

test('s03 an unknown response_mode is an error in the default mode', async () => {
  for (const mode of ['web_message', 'web_message.jwt', '', 'QUERY', 'JWT']) {
    const asked = request(client, { response_mode: mode })
    const answer = await new Browser(op).get(authorizePath(asked.params))
    if (mode === '' && answer.status === 303 && new URL(answer.location, op.url).pathname === '/interaction') continue // RFC 6749 §3.1: empty is absent
    refused(answer, asked.state, 'invalid_request')
  }
})

test('s04 success in each response mode has iss', async () => {
  const one = await fresh()
  for (const mode of MODES) {
    const asked = request(quiet, { response_mode: mode })
    const answer = await one.browser.get(authorizePath(asked.params))
    const params = delivered(answer, CB, mode)
    if (!mode.startsWith('form_post')) assert.equal(answer.header('referrer-policy'), 'no-referrer', 's59 the code is in the address')
    assert.equal(params.iss, op.url, mode)
    assert.equal(params.state, asked.state)
    assert.ok(params.code)
    assert.equal((await redeem(op, { code: params.code!, request: asked, client: quiet })).status, 200)
  }
})

test('state is optional, and comes back byte for byte', async () => {
  const one = await fresh()
  assert.equal('state' in delivered(await one.browser.get(authorizePath(request(quiet, { state: undefined }).params)), CB), false)
  for (const state of ['x', 'ü€😀', ' a+b%20&c=d"<>\'', '{"a":[1]}', 'x'.repeat(1000)]) {
    for (const mode of MODES) {
      const answer = await one.browser.get(authorizePath(request(quiet, { state, response_mode: mode }).params))
      assert.equal(delivered(answer, CB, mode).state, state)
    }
  }
})

test('s05 a parameter given twice is refused, in both orders', async () => {
  const one = await fresh()
  const asked = request(quiet, { response_mode: 'query', prompt: 'consent', max_age: '1000', login_hint: 'ada', ui_locales: 'en' })
  const wrong: string[] = []
  for (const name of Object.keys(asked.params)) {
    const value = asked.params[name]!
    const others = Object.entries(asked.params).filter(([n]) => n !== name)
    const second = name === 'redirect_uri' ? 'https://evil.example/' : name === 'client_id' ? client.id : `${value}x`
    for (const [what, pair] of [['same', [value, value]], ['first right', [value, second]], ['second right', [second, value]]] as const) {
      const answer = await one.browser.get(authorizePath([...others, [name, pair[0]], [name, pair[1]]] as [string, string][]))
      const page = answer.status === 400 && /^text\/html/.test(answer.header('content-type') ?? '')
      const sent = answer.status === 303 && answer.location.startsWith(`${CB}?`) && new URL(answer.location).searchParams.get('error') === 'invalid_request'
      const mayRedirect = name !== 'client_id' && name !== 'redirect_uri'
      if (!page && !(sent && mayRedirect)) wrong.push(`${name} (${what}): ${answer.status} ${answer.headers.location ?? ''}`)
    }
  }
  assert.deepEqual(wrong, [])
})

test('s05 a parameter in the query and again in the body is refused', async () => {
  const one = await fresh()
  const asked = request(quiet)
  for (const name of Object.keys(asked.params)) {
    const answer = await one.browser.post(`/authorize?${form({ [name]: asked.params[name]! })}`, asked.params)
    const page = answer.status === 400
    const sent = answer.status === 303 && answer.location.startsWith(`${CB}?`) && new URL(answer.location).searchParams.get('error') === 'invalid_request'
    assert.ok(page || sent, `${name}: ${answer.status} ${answer.headers.location ?? ''}`)
  }
})

test('s06 PKCE: challenge × verifier × kind of client', async () => {
  const needs = await make({ callbackURLs: [CB], pkceEnabled: true, skipConsent: true })
  const open = await make({ callbackURLs: [CB], isPublic: true, skipConsent: true })
  const one = await fresh()
  const wrong: string[] = []
  for (const [kind, c] of [['confidential', quiet], ['confidential that requires PKCE', needs], ['public', open]] as const) {
    for (const challenge of ['none', 'plain', 'S256'] as const) {
      for (const verifier of ['none', 'right', 'wrong'] as const) {
        const changes = {
          none: { code_challenge: undefined, code_challenge_method: undefined },
          plain: { code_challenge: 'v'.repeat(43), code_challenge_method: 'plain' },
          S256: {},
        }[challenge]
        const asked = request(c, changes)
        const params = delivered(await one.browser.get(authorizePath(asked.params)), CB)
        let got = params.error ?? ''
        if (params.code) {
          const answer = await redeem(op, { code: params.code, request: asked, client: c }, {
            code_verifier: { none: undefined, right: asked.verifier, wrong: 'w'.repeat(43) }[verifier],
          })
          got = answer.status === 200 ? 'ok' : `token ${answer.json().error}`
        }
        const expected =
          challenge === 'plain' || (challenge === 'none' && kind !== 'confidential') ? 'invalid_request'
          : challenge === 'none' ? (verifier === 'none' ? 'ok' : 'token invalid_grant')
          : verifier === 'right' ? 'ok' : 'token invalid_grant'
        if (got !== expected) wrong.push(`${kind}, challenge ${challenge}, verifier ${verifier}: ${got}, expected ${expected}`)
      }
    }
  }
  assert.deepEqual(wrong, [])
})

test('s06 a challenge without a method is plain and therefore refused', async () => {
  const asked = request(quiet, { code_challenge_method: undefined })
  refused(await new Browser(op).get(authorizePath(asked.params)), asked.state, 'invalid_request')
})

test('s07 an unsigned request object is refused whatever it says, and never widens the query', async () => {
  const one = await fresh()
  const object = joinJwt({ alg: 'none' }, { client_id: quiet.id, redirect_uri: 'https://evil.example/', scope: 'openid groups', response_type: 'code' }, '')
  for (const request_ of [object, object.slice(0, -1), '{}', 'x', joinJwt({ alg: 'HS256' }, {}, 'x')]) {
    const asked = request(quiet, { request: request_ })
    refused(await one.browser.get(authorizePath(asked.params)), asked.state, 'invalid_request_object')
  }
  const both = request(quiet, { request: object, request_uri: 'https://evil.example/r' })
  refused(await one.browser.get(authorizePath(both.params)), both.state, 'invalid_request')
})

test('s08 no request_uri is fetched or accepted but our own', async () => {
  for (const uri of ['https://evil.example/r', 'http://127.0.0.1:9/r', 'urn:ietf:params:oauth:request_uri:x', '']) {
    const asked = request(quiet, { request_uri: uri })
    const answer = await new Browser(op).get(authorizePath(asked.params))
    if (uri === '' && answer.status === 303 && new URL(answer.location, op.url).pathname === '/interaction') continue
    refused(answer, asked.state, uri.startsWith('urn:') ? 'invalid_request_uri' : 'request_uri_not_supported')
  }
})

test('s09 prompt=none answers at once or says what is missing, and still checks the callback', async () => {
  const strict = await make({ callbackURLs: [CB] })
  const reauth = await make({ callbackURLs: [CB], skipConsent: true, requiresReauthentication: true })
  const one = await fresh()
  const asked = request(quiet, { prompt: 'none' })
  assert.ok(delivered(await one.browser.get(authorizePath(asked.params)), CB).code)
  const cases: [string, Browser, Client, Record<string, string>, string][] = [
    ['nobody signed in', new Browser(op), quiet, {}, 'login_required'],
    ['no consent', one.browser, strict, {}, 'consent_required'],
    ['nobody and no consent', new Browser(op), strict, {}, 'login_required'],
    ['max_age=0', one.browser, quiet, { max_age: '0' }, 'login_required'],
  ]
  for (const [what, browser, c, changes, error] of cases) {
    const r = request(c, { prompt: 'none', ...changes })
    refused(await browser.get(authorizePath(r.params)), r.state, error, 'query', what)
  }
  const later = request(reauth, { prompt: 'none' })
  refused(await one.browser.get(authorizePath(later.params)), later.state, 'login_required', 'query', 'requiresReauthentication')
  assertErrorPage(await one.browser.get(authorizePath(request(quiet, { prompt: 'none', redirect_uri: 'https://evil.example/' }).params)))
  const wider = request(client, { prompt: 'none', scope: 'openid profile email groups offline_access' })
  refused(await one.browser.get(authorizePath(wider.params)), wider.state, 'consent_required', 'query', 'a scope that was never allowed')
})

test('unknown scopes are dropped and the granted ones are said', async () => {
  const one = await fresh()
  const { code, request: asked } = await getCode(one, quiet, { scope: 'openid nonsense email' })
  const tokens = await redeem(op, { code, request: asked, client: quiet })
  assert.deepEqual(tokens.json().scope.split(' ').sort(), ['email', 'openid'])
})

test('prompt=login signs in again, and auth_time moves', async () => {
  const one = await fresh()
  const before = decodeJwt((await getTokens(op, one, quiet)).id_token).payload.auth_time
  await op.advance(60)
  const steps: string[] = []
  const asked = request(quiet, { prompt: 'login' })
  const answer = await authorize(one.browser, asked.params, { authenticator: one.authenticator, seen: (s) => steps.push(s) })
  assert.deepEqual(steps, ['reauthenticate'])
  const tokens = (await redeem(op, { code: delivered(answer, CB).code!, request: asked, client: quiet })).json()
  assert.ok(decodeJwt(tokens.id_token).payload.auth_time >= before + 60)
  const silent = decodeJwt((await getTokens(op, one, quiet)).id_token).payload.auth_time
  assert.ok(silent >= before + 60, 'the session itself was renewed')
})

test('a sign-in before the request never counts as the one that was asked for, not even in the same second', async () => {
  for (let i = 0; i < 3; i++) {
    const one = await fresh()
    for (const [prompt, expected] of [['login', 'reauthenticate'], ['select_account', 'select_account']] as const) {
      const answer = await one.browser.get(authorizePath(request(quiet, { prompt }).params))
      assert.equal(step((await one.browser.get(answer.location)).text), expected)
    }
  }
})

test('max_age asks again only when the sign-in is older, and then auth_time fits', async () => {
  const one = await fresh()
  await op.advance(100)
  const steps: string[] = []
  await authorize(one.browser, request(quiet, { max_age: '200' }).params, { seen: (s) => steps.push(s) })
  assert.equal(steps.length, 0)
  const asked = request(quiet, { max_age: '50' })
  const answer = await authorize(one.browser, asked.params, { authenticator: one.authenticator, seen: (s) => steps.push(s) })
  assert.deepEqual(steps, ['reauthenticate'])
  const { id_token } = (await redeem(op, { code: delivered(answer, CB).code!, request: asked, client: quiet })).json()
  const { auth_time, iat } = decodeJwt(id_token).payload
  assert.ok(iat - auth_time <= 50, `${iat} - ${auth_time}`)
  await op.advance(5)
  const zero = await authorize(one.browser, request(quiet, { max_age: '0' }).params, { authenticator: one.authenticator, seen: (s) => steps.push(s) })
  assert.ok(delivered(zero, CB).code)
  assert.deepEqual(steps, ['reauthenticate', 'reauthenticate'], 'max_age=0 asks once, not for ever')
})

test('requiresReauthentication of a client asks again each time', async () => {
  const reauth = await make({ callbackURLs: [CB], skipConsent: true, requiresReauthentication: true })
  const one = await fresh()
  await op.advance(30)
  for (let i = 0; i < 2; i++) {
    const steps: string[] = []
    const answer = await authorize(one.browser, request(reauth).params, { authenticator: one.authenticator, seen: (s) => steps.push(s) })
    assert.deepEqual(steps, ['reauthenticate'])
    assert.ok(delivered(answer, CB).code)
    await op.advance(30)
  }
})

test('prompt=select_account shows who is signed in and lets them change', async () => {
  const one = await fresh()
  await op.advance(5)
  const answer = await one.browser.get(authorizePath(request(quiet, { prompt: 'select_account' }).params))
  const page = await one.browser.get(answer.location)
  assert.equal(step(page.text), 'select_account')
  assert.match(page.text, /Ada/)
  const on = await follow(one.browser, await press(one.browser, page.text, 'continue'))
  assert.ok(delivered(on, CB).code)
  const again = await one.browser.get(authorizePath(request(quiet, { prompt: 'select_account' }).params))
  const switched = await press(one.browser, (await one.browser.get(again.location)).text, 'switch_account')
  const signin = await one.browser.get(switched.location)
  assert.equal(step(signin.text), 'authenticate')
  assert.equal(passkeyForm(signin.text).ceremony, 'get')
})

test('switching the account gives the code of the new person', async () => {
  const bob = await addPerson(op, admin, 'bob')
  const one = await fresh()
  await op.advance(5)
  const asked = request(quiet, { prompt: 'select_account' })
  const choice = await one.browser.get((await one.browser.get(authorizePath(asked.params))).location)
  const switched = await press(one.browser, choice.text, 'switch_account')
  const answer = await follow(one.browser, switched, { authenticator: bob.authenticator })
  const tokens = (await redeem(op, { code: delivered(answer, CB).code!, request: asked, client: quiet })).json()
  assert.equal(decodeJwt(tokens.id_token).payload.sub, bob.id)
})

test('login_hint is accepted and changes nothing that is checked', async () => {
  const one = await fresh()
  for (const login_hint of ['ada', 'ada@example.com', 'someone-else', '"><script>']) {
    assert.ok(delivered(await one.browser.get(authorizePath(request(quiet, { login_hint }).params)), CB).code)
    const page = await follow(new Browser(op), await new Browser(op).get(authorizePath(request(quiet, { login_hint }).params)))
    assert.ok(!page.text.includes('"><script>'))
  }
})

test('id_token_hint must be about the person who is signed in', async () => {
  const one = await fresh()
  const tokens = await getTokens(op, one, quiet)
  assert.ok(delivered(await one.browser.get(authorizePath(request(quiet, { id_token_hint: tokens.id_token, prompt: 'none' }).params)), CB).code)
  const carol = await addPerson(op, admin, 'carol')
  const r = request(quiet, { id_token_hint: tokens.id_token, prompt: 'none' })
  refused(await carol.browser.get(authorizePath(r.params)), r.state, 'login_required')
  await op.advance(7200)
  const late = await fresh()
  assert.ok(delivered(await late.browser.get(authorizePath(request(quiet, { id_token_hint: tokens.id_token, prompt: 'none' }).params)), CB).code, 'an expired hint is fine')
})

test('s24 s25 a forged id_token_hint and an access token as a hint are refused', async () => {
  const one = await fresh()
  const tokens = await getTokens(op, one, quiet)
  const { header, payload, signature } = decodeJwt(tokens.id_token)
  for (const [what, hint] of [
    ['access token', tokens.access_token],
    ['alg none', joinJwt({ ...header, alg: 'none' }, payload, '')],
    ['other subject', joinJwt(header, { ...payload, sub: 'x' }, Buffer.from(signature, 'base64url'))],
  ] as const) {
    const r = request(quiet, { id_token_hint: hint, prompt: 'none' })
    refused(await one.browser.get(authorizePath(r.params)), r.state, 'invalid_request', 'query', what)
  }
})

test('s40 HEAD grants nothing and uses nothing up', async () => {
  const one = await fresh()
  const counted = async () => (await op.sql('SELECT COUNT(*) FROM grants'))[0]![0]
  const before = await counted()
  for (let i = 0; i < 10; i++) {
    const head = await one.browser.send({ method: 'HEAD', path: authorizePath(request(quiet).params) })
    assert.equal(head.status, 204)
    assert.equal(head.headers.location, undefined)
  }
  assert.equal(await counted(), before)
})

test('denying sends access_denied back and remembers nothing', async () => {
  const shy = await make({ callbackURLs: [CB] })
  const one = await fresh()
  for (const mode of MODES) {
    const asked = request(shy, { response_mode: mode })
    refused(await authorize(one.browser, asked.params, { consent: 'deny' }), asked.state, 'access_denied', mode)
  }
  const r = request(shy, { prompt: 'none' })
  refused(await one.browser.get(authorizePath(r.params)), r.state, 'consent_required')
})

test('s11 an interaction begun in one browser cannot be gone on with in another', async () => {
  const shy = await make({ callbackURLs: [CB] })
  const a = await fresh()
  const b = await fresh()
  const begun = await a.browser.get(authorizePath(request(shy).params))
  const id = new URL(begun.location, op.url).searchParams.get('interaction')!
  assert.ok(id.length >= 22)
  for (const browser of [b.browser, new Browser(op)]) {
    assertErrorPage(await browser.get(`/interaction?interaction=${id}`))
    assertErrorPage(await browser.get(`/authorize?interaction=${id}`))
    for (const action of ['allow', 'deny', 'continue', 'switch_account']) {
      assertErrorPage(await browser.post('/interaction', { interaction: id, action }))
    }
  }
  const page = await a.browser.get(begun.location)
  const answer = await follow(a.browser, await press(a.browser, page.text, 'allow'))
  assert.ok(delivered(answer, CB).code, 'the browser that began it goes on')
})

test('s11 a sign-in posted with the interaction of another browser does not continue it', async () => {
  const a = new Browser(op)
  const b = new Browser(op)
  const begun = await a.get(authorizePath(request(quiet).params))
  const id = new URL(begun.location, op.url).searchParams.get('interaction')!
  const page = await b.get('/login')
  const answer = await answerPasskey(b, page.text, admin.authenticator, {}, { interaction: id, redirect: undefined })
  const end = answer.status === 303 ? await follow(b, answer) : answer
  assert.notEqual(end.status, 303, end.headers.location ?? '')
  assert.ok(!end.text.includes('code='))
})

test('s11 an interaction is used once', async () => {
  const shy = await make({ callbackURLs: [CB] })
  const a = await fresh()
  const begun = await a.browser.get(authorizePath(request(shy).params))
  const id = new URL(begun.location, op.url).searchParams.get('interaction')!
  const page = await a.browser.get(begun.location)
  const done = await follow(a.browser, await press(a.browser, page.text, 'allow'))
  assert.ok(delivered(done, CB).code)
  assertErrorPage(await a.browser.get(`/authorize?interaction=${id}`))
  assertErrorPage(await a.browser.get(`/interaction?interaction=${id}`))
  assertErrorPage(await a.browser.post('/interaction', { interaction: id, action: 'allow' }))
})

test('s11 ten resumptions of one interaction at once give one code', async () => {
  const a = await fresh()
  const begun = await a.browser.get(authorizePath(request(client, { prompt: 'consent' }).params))
  const id = new URL(begun.location, op.url).searchParams.get('interaction')!
  const page = await a.browser.get(begun.location)
  const allowed = await press(a.browser, page.text, 'allow')
  assert.equal(a.browser.path(allowed.location), `/authorize?interaction=${id}`)
  const answers = await Promise.all(Array.from({ length: 10 }, () => a.browser.get(allowed.location)))
  assert.equal(answers.filter((r) => r.status === 303).length, 1, answers.map((r) => r.status).join())
  for (const r of answers.filter((x) => x.status !== 303)) assertErrorPage(r)
})

test('s11 consent posted from another site, or without a session, is refused', async () => {
  const shy = await make({ callbackURLs: [CB] })
  const a = await fresh()
  const begun = await a.browser.get(authorizePath(request(shy).params))
  const id = new URL(begun.location, op.url).searchParams.get('interaction')!
  for (const headers of FOREIGN) {
    assert.equal((await a.browser.post('/interaction', { interaction: id, action: 'allow' }, headers)).status, 403)
  }
  for (const name of [SESSION, ACCOUNTS]) a.browser.jar.cookies.delete(name)
  const answer = await a.browser.post('/interaction', { interaction: id, action: 'allow' })
  const end = answer.status === 303 ? await follow(a.browser, answer) : answer
  assert.ok(end.status === 400 || step(end.text) === 'authenticate', `${end.status}`)
})

test('s11 an action that is not the outstanding step is refused', async () => {
  const anonymous = new Browser(op)
  const begun = await anonymous.get(authorizePath(request(client).params))
  const id = new URL(begun.location, op.url).searchParams.get('interaction')!
  for (const action of ['allow', 'continue', 'dance', '']) {
    const answer = await anonymous.post('/interaction', { interaction: id, action })
    const end = answer.status === 303 ? await follow(anonymous, answer) : answer
    assert.ok(end.status === 400 || step(end.text) === 'authenticate', `${action}: ${end.status} ${end.headers.location ?? ''}`)
  }
})

test('s12 what the browser adds to a running interaction changes nothing', async () => {
  const shy = await make({ callbackURLs: [CB] })
  const a = await fresh()
  const asked = request(shy, { scope: 'openid' })
  const begun = await a.browser.get(authorizePath(asked.params))
  const id = new URL(begun.location, op.url).searchParams.get('interaction')!
  const tampered = { client_id: quiet.id, scope: 'openid email groups', redirect_uri: 'https://evil.example/', response_type: 'token', state: 'evil' }
  const posted = await a.browser.post('/interaction', { interaction: id, action: 'allow', ...tampered })
  const end = posted.status === 303 ? await a.browser.get(`/authorize?${form({ interaction: id, ...tampered })}`) : posted
  if (end.status === 303) {
    const params = delivered(end, CB)
    assert.equal(params.state, asked.state)
    const tokens = await redeem(op, { code: params.code!, request: asked, client: shy })
    assert.equal(tokens.json().scope, 'openid')
  } else assertErrorPage(end)
})

test('an interaction ends after an hour', async () => {
  const browser = new Browser(op)
  const begun = await browser.get(authorizePath(request(client).params))
  await op.advance(3601)
  assertErrorPage(await browser.get(begun.location))
  assertErrorPage(await browser.get('/interaction?interaction=unknown'))
  assertErrorPage(await browser.get('/interaction'))
})

test('s13 the form_post page has its own policy and cannot be broken out of', async () => {
  const one = await fresh()
  const state = '"><script>alert(1)</script><input value="'
  const asked = request(quiet, { response_mode: 'form_post', state })
  const answer = await one.browser.get(authorizePath(asked.params))
  assert.equal(answer.status, 200)
  assert.ok(!answer.text.includes('<script>alert(1)'))
  assert.equal(forms(answer.text).length, 1)
  assert.equal(forms(answer.text)[0]!.fields.state, state)
  const csp = answer.header('content-security-policy') ?? ''
  const directive = (name: string) => csp.split(';').map((d) => d.trim()).find((d) => d.startsWith(`${name} `)) ?? ''
  assert.equal(directive('form-action'), "form-action 'self' https: http:")
  assert.doesNotMatch(directive('script-src'), /unsafe-inline|unsafe-eval|\*/)
  assert.match(directive('script-src'), /'sha256-[A-Za-z0-9+/=]+'|'nonce-[A-Za-z0-9+/=_-]{16,}'|'self'/)
  assert.match(directive('frame-ancestors'), /'none'/)
  assert.equal(answer.header('referrer-policy'), 'same-origin')
  assert.match(answer.header('cache-control') ?? '', /no-store/)
  assert.ok(answer.text.includes('<noscript>') || element(answer.text, 'button'), 'works without script')
})

test('s13 a script address is no callback, whatever the admin types', async () => {
  for (const url of ['javascript:alert(1)', 'JavaScript:alert(1)', 'data:text/html,x', ' javascript:x', 'java\nscript:x']) {
    const answer = await admin.browser.json('POST', '/api/oidc/clients', { name: 'x', callbackURLs: [url] })
    // The admin's session may have ended by the clock of earlier tests.
    assert.ok([400, 401].includes(answer.status), `${JSON.stringify(url)}: ${answer.status}`)
  }
  const one = await fresh()
  assert.equal((await one.browser.json('POST', '/api/oidc/clients', { name: 'x', callbackURLs: ['javascript:alert(1)'] })).status, 400)
})

test('a person outside the allowed groups is told so, and the app is not called', async () => {
  const one = await fresh()
  const limited = await make({ callbackURLs: [CB], skipConsent: true, isGroupRestricted: true })
  const answer = await one.browser.get(authorizePath(request(limited).params))
  assertErrorPage(answer, 403)
})
