// Rules that hold at every endpoint of OAuth alike. Which endpoints there are comes from the discovery document, so a
// new one is held to them as soon as it is announced.
import assert from 'node:assert/strict'
import { Browser } from '../harness/browser.ts'
import {
  authorizePath, basic, createClient, decodeJwt, delivered, follow, getTokens, redemption, getCode, request, setupAdmin, signedIn, signIn, token,
  type Client, type Grant, type Person,
} from '../harness/flows.ts'
import { form, type Answer, type Headers } from '../harness/http.ts'
import { subject, test } from '../harness/test.ts'

const op = subject()
const CB = 'http://127.0.0.1:9/callback'
const BYE = 'http://127.0.0.1:9/signed-out'
const FORM = 'application/x-www-form-urlencoded'
let admin: Person
let client: Client
let quiet: Client
let metadata: Record<string, any>

/** Endpoints that clients call with their credentials, and parameters that each knows; `resource` of RFC 8707 may stand
 * several times by its specification and is left out. */
const CLIENT_ENDPOINTS: Record<string, Record<string, string>> = {
  token_endpoint: {},
  pushed_authorization_request_endpoint: {
    response_type: 'code', redirect_uri: CB, scope: 'openid', state: 's', nonce: 'n', code_challenge: 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM',
    code_challenge_method: 'S256', response_mode: 'query', prompt: 'login', max_age: '60', login_hint: 'ada', ui_locales: 'en', display: 'page',
    acr_values: 'x', claims: '{}', dpop_jkt: 'x', client_id: '',
  },
  device_authorization_endpoint: { scope: 'openid', client_id: '' },
  introspection_endpoint: { token: 'x', token_type_hint: 'access_token' },
  revocation_endpoint: { token: 'x', token_type_hint: 'access_token' },
}

/** Each grant that the token endpoint may know, with parameters of the right names. */
const GRANTS: Record<string, Record<string, string>> = {
  authorization_code: { code: 'x', redirect_uri: CB, code_verifier: 'v'.repeat(43) },
  refresh_token: { refresh_token: 'x', scope: 'openid' },
  client_credentials: { scope: 'openid' },
  'urn:ietf:params:oauth:grant-type:device_code': { device_code: 'x' },
  'urn:ietf:params:oauth:grant-type:token-exchange': {
    subject_token: 'x', subject_token_type: 'urn:ietf:params:oauth:token-type:access_token', actor_token: 'y',
    actor_token_type: 'urn:ietf:params:oauth:token-type:access_token', requested_token_type: 'urn:ietf:params:oauth:token-type:access_token', scope: 'openid',
  },
}

interface Call {
  name: string
  path: string
  fields: Record<string, string>
}

/** Every announced endpoint that clients call; the token endpoint once a grant. */
function calls(): Call[] {
  const path = (name: string) => new URL(metadata[name] as string).pathname
  const plain = Object.entries(CLIENT_ENDPOINTS).filter(([name]) => name !== 'token_endpoint' && metadata[name])
  const grants = (metadata.grant_types_supported as string[]).map((grant) => {
    assert.ok(GRANTS[grant], `the grant ${grant} has no row here`)
    return { name: `token, ${grant}`, path: path('token_endpoint'), fields: { grant_type: grant, ...GRANTS[grant] } }
  })
  return [...grants, ...plain.map(([name, fields]) => ({ name, path: path(name), fields: { ...fields, ...('client_id' in fields ? { client_id: client.id } : {}) } }))]
}

const post = (path: string, body: string, headers: Headers = {}) =>
  op.send({ method: 'POST', path, body, headers: { 'content-type': FORM, authorization: basic(client.id, client.secret!), ...headers } })

const pairs = (fields: Record<string, string>): [string, string][] => Object.entries(fields)

/** An error of OAuth as JSON, not to be kept. */
function refusedAs(answer: Answer, status: number, error: string, what: string): string | undefined {
  const problems = [
    answer.status === status ? '' : `status ${answer.status}`,
    /^application\/json/.test(answer.header('content-type') ?? '') ? '' : 'no JSON',
    answer.header('cache-control') === 'no-store' ? '' : `cache-control ${answer.header('cache-control')}`,
  ].filter((p) => p !== '')
  if (problems.length === 0 && answer.json().error !== error) problems.push(`${answer.json().error} for ${error}`)
  return problems.length === 0 ? undefined : `${what}: ${problems.join(', ')}`
}

test('set-up', async () => {
  admin = await setupAdmin(op)
  client = await createClient(admin.browser, { callbackURLs: [CB], logoutCallbackURLs: [BYE] })
  quiet = await createClient(admin.browser, { callbackURLs: [CB, 'https://spa.example/cb'], skipConsent: true })
  metadata = (await op.send({ path: '/.well-known/openid-configuration' })).json()
})

test('s05 every parameter of every endpoint that clients call, given twice, in both orders', async () => {
  const wrong: (string | undefined)[] = []
  let count = 0
  for (const call of calls()) {
    const all = { ...call.fields, unknown: 'x' }
    for (const [name, value] of pairs(all)) {
      const rest = pairs(all).filter(([n]) => n !== name)
      for (const [first, second] of [[value, value], [value, `${value}x`], [`${value}x`, value], [value, ''], ['', value]] as const) {
        for (const body of [[[name, first], ...rest, [name, second]], [...rest, [name, first], [name, second]]] as [string, string][][]) {
          wrong.push(refusedAs(await post(call.path, form(body)), 400, 'invalid_request', `${call.name}: ${name}=${first}, ${second}`))
          count++
        }
      }
    }
    for (const name of ['client_id', 'client_secret', 'client_assertion', 'client_assertion_type']) {
      for (const [first, second] of [[client.id, client.id], [client.id, 'x'], ['x', client.id]] as const) {
        const fields = { ...call.fields, client_id: client.id, client_secret: client.secret! } as Record<string, string>
        const rest = pairs(fields).filter(([n]) => n !== name)
        const answer = await post(call.path, form([...rest, [name, first], [name, second]]), { authorization: undefined })
        wrong.push(refusedAs(answer, 400, 'invalid_request', `${call.name}: ${name} twice`))
        count++
      }
    }
  }
  assert.deepEqual(wrong.filter((w) => w), [])
  assert.ok(count >= 100, `${count} requests`)
})

test('s05 a code or refresh token in a request with a parameter twice is not used up', async () => {
  const one = { browser: await signIn(op, admin.authenticator), authenticator: admin.authenticator }
  const grant: Grant = await getCode(one, client)
  const fields = Object.entries(redemption(grant)).filter((p): p is [string, string] => p[1] !== undefined)
  for (const [name, value] of fields) {
    for (const pair of [[value, value], [value, 'x'], ['x', value]] as const) {
      const body = form([...fields.filter(([n]) => n !== name), [name, pair[0]], [name, pair[1]]])
      assert.equal((await post('/api/oidc/token', body)).status, 400, name)
    }
  }
  const good = await token(op, client, Object.fromEntries(fields))
  assert.equal(good.status, 200, good.text)
  const refresh_token = good.json().refresh_token as string
  for (const pair of [[refresh_token, refresh_token], [refresh_token, 'x'], ['x', refresh_token]] as const) {
    const body = form([['grant_type', 'refresh_token'], ['refresh_token', pair[0]], ['refresh_token', pair[1]]])
    assert.equal((await post('/api/oidc/token', body)).status, 400)
  }
  assert.equal((await token(op, client, { grant_type: 'refresh_token', refresh_token })).status, 200)
})

const AUTHORIZE: Record<string, string> = {
  response_mode: 'query', prompt: 'consent', max_age: '1000', login_hint: 'ada', ui_locales: 'en', display: 'page', acr_values: 'x', claims: '{}',
  claims_locales: 'en', id_token_hint: 'x', dpop_jkt: 'x', request: 'x', request_uri: 'urn:x', registration: '{}', unknown: 'x',
}

test('s05 every parameter of the authorization endpoint twice, by GET and by POST, in both orders', async () => {
  const browser = await signIn(op, admin.authenticator)
  const asked = { ...request(quiet).params, ...AUTHORIZE }
  const wrong: string[] = []
  for (const [name, value] of pairs(asked)) {
    const rest = pairs(asked).filter(([n]) => n !== name && !['id_token_hint', 'request', 'request_uri', 'registration'].includes(n))
    for (const [first, second] of [[value, value], [value, `${value}x`], [`${value}x`, value], ['', value], [value, '']] as const) {
      const body = [...rest, [name, first], [name, second]] as [string, string][]
      for (const method of ['GET', 'POST']) {
        const answer = method === 'GET' ? await browser.get(authorizePath(body)) : await browser.send({
          method, path: '/authorize', body: form(body), headers: { 'content-type': FORM, origin: op.url, 'sec-fetch-site': 'same-origin', accept: 'text/html' },
        })
        const page = answer.status === 400 && /^text\/html/.test(answer.header('content-type') ?? '')
        const sent = answer.status === 303 && answer.location.startsWith(`${CB}?`) && new URL(answer.location).searchParams.get('error') === 'invalid_request'
        const mayRedirect = name !== 'client_id' && name !== 'redirect_uri'
        if (!page && !(sent && mayRedirect)) wrong.push(`${method} ${name}=${first}, ${second}: ${answer.status} ${answer.headers.location ?? ''}`)
      }
    }
  }
  assert.deepEqual(wrong, [])
})

test('s05 every parameter of the end-session endpoint twice ends nothing, by GET and by POST', async () => {
  const one = { browser: await signIn(op, admin.authenticator), authenticator: admin.authenticator }
  const tokens = await getTokens(op, one, client)
  const all: Record<string, string> = {
    id_token_hint: tokens.id_token, post_logout_redirect_uri: BYE, state: 'x', client_id: client.id, logout_hint: 'ada', ui_locales: 'en', unknown: 'x',
  }
  for (const [name, value] of pairs(all)) {
    for (const [first, second] of [[value, value], [value, 'x'], ['x', value]] as const) {
      const body = form([...pairs(all).filter(([n]) => n !== name), [name, first], [name, second]])
      const asks = [
        () => one.browser.get(`/api/oidc/end-session?${body}`),
        () => one.browser.send({ method: 'POST', path: '/api/oidc/end-session', body, headers: { 'content-type': FORM, origin: op.url } }),
        () => one.browser.send({ method: 'POST', path: `/api/oidc/end-session?${form({ [name]: first })}`, body: form(all), headers: { 'content-type': FORM, origin: op.url } }),
      ]
      for (const ask of asks) {
        const answer = await ask()
        assert.ok(answer.status === 400 || new URL(answer.location, op.url).pathname === '/logout', `${name}: ${answer.status}`)
        assert.equal(answer.headers.location?.startsWith(BYE) ?? false, false)
      }
    }
  }
  assert.equal(await signedIn(one.browser), true)
})

test('s05 an access token given twice to userinfo is refused', async () => {
  const { access_token } = await getTokens(op, { browser: await signIn(op, admin.authenticator), authenticator: admin.authenticator }, client)
  const path = '/api/oidc/userinfo'
  const bearer = { authorization: `Bearer ${access_token}` }
  for (const [body, headers] of [
    [form([['access_token', access_token], ['access_token', access_token]]), {}],
    [form([['access_token', 'x'], ['access_token', access_token]]), {}],
    [form({ access_token }), bearer],
  ] as [string, Headers][]) {
    const answer = await op.send({ method: 'POST', path, body, headers: { 'content-type': FORM, ...headers } })
    assert.equal(answer.status, 400, answer.text)
    assert.equal(answer.json().error, 'invalid_request')
  }
})

test('s17 endpoints that clients call take POST and forms alone, nothing from the query, and answer with no-store', async () => {
  const wrong: (string | undefined)[] = []
  for (const call of calls()) {
    const headers = { authorization: basic(client.id, client.secret!) }
    for (const method of ['GET', 'HEAD', 'PUT', 'DELETE', 'PATCH']) {
      const answer = await op.send({ method, path: call.path, headers })
      if (answer.status !== 405 || !/POST/.test(answer.header('allow') ?? '')) wrong.push(`${method} ${call.name}: ${answer.status}`)
    }
    for (const type of ['application/json', 'text/plain', 'multipart/form-data; boundary=x', undefined]) {
      const answer = await post(call.path, type === 'application/json' ? JSON.stringify(call.fields) : form(call.fields), { 'content-type': type })
      wrong.push(refusedAs(answer, 400, 'invalid_request', `${call.name} as ${type}`))
    }
    for (const query of [form(call.fields), form({ client_id: client.id }), 'unknown=x']) {
      wrong.push(refusedAs(await post(`${call.path}?${query}`, form(call.fields)), 400, 'invalid_request', `${call.name}?${query.slice(0, 20)}`))
    }
  }
  assert.deepEqual(wrong.filter((w) => w), [])
})

test('s17 one method of client authentication a request, and a wrong secret is told like an unknown client', async () => {
  const wrong: (string | undefined)[] = []
  for (const call of calls()) {
    const inBody = form({ ...call.fields, client_id: client.id, client_secret: client.secret! })
    wrong.push(refusedAs(await post(call.path, inBody), 400, 'invalid_request', `${call.name} with two methods`))
    const { client_id: _, ...fields } = call.fields
    const tries: [string, Headers, Record<string, string>][] = [
      ['wrong secret by Basic', { authorization: basic(client.id, 'wrong-secret-wrong') }, {}],
      ['unknown client by Basic', { authorization: basic('nobody', 'wrong-secret-wrong') }, {}],
      ['wrong secret by post', { authorization: undefined }, { client_id: client.id, client_secret: 'wrong-secret-wrong' }],
      ['unknown client by post', { authorization: undefined }, { client_id: 'nobody', client_secret: 'wrong-secret-wrong' }],
    ]
    const answers: Answer[] = []
    for (const [what, headers, more] of tries) {
      const answer = await post(call.path, form({ ...fields, ...more }), headers)
      wrong.push(refusedAs(answer, 401, 'invalid_client', `${call.name}, ${what}`))
      if (what.endsWith('Basic') && !/^Basic/.test(answer.header('www-authenticate') ?? '')) wrong.push(`${call.name}, ${what}: no challenge`)
      answers.push(answer)
    }
    for (const [a, b] of [[answers[0]!, answers[1]!], [answers[2]!, answers[3]!]] as const) {
      if (a.text !== b.text) wrong.push(`${call.name}: ${a.text} and ${b.text}`)
      const names = (answer: Answer) => Object.keys(answer.headers).sort().join()
      if (names(a) !== names(b)) wrong.push(`${call.name}: other headers`)
    }
  }
  assert.deepEqual(wrong.filter((w) => w), [])
})

test('s55 forms beyond 64 KB are refused at every endpoint that clients call', async () => {
  for (const call of calls()) {
    const at = (n: number, headers: Headers = {}) => post(call.path, form({ ...call.fields, unknown: 'x'.repeat(n) }), headers)
    assert.equal((await at(66_000)).status, 413, call.name)
    assert.equal((await at(66_000, { 'transfer-encoding': 'chunked' })).status, 413, `${call.name}, chunked`)
    assert.notEqual((await at(60_000)).status, 413, call.name)
  }
})

test('s58 endpoints that apps call: registered origins alone, no cookies, null never', async () => {
  const wrong: string[] = []
  const paths = [...new Set(calls().map((c) => c.path)), '/api/oidc/userinfo']
  for (const path of paths) {
    for (const [origin, allowed] of [['https://spa.example', true], ['http://127.0.0.1:9', true], ['null', false], ['https://evil.example', false], ['https://spa.example.evil.example', false], ['http://spa.example', false], ['https://spa.example:8443', false]] as const) {
      const preflight = await op.send({ method: 'OPTIONS', path, headers: { origin, 'access-control-request-method': 'POST', 'access-control-request-headers': 'authorization,content-type' } })
      const failed = await post(path, form({ unknown: 'x' }), { origin })
      for (const [what, answer] of [['answer', failed], ['preflight', preflight]] as const) {
        const got = answer.header('access-control-allow-origin')
        if (allowed ? got !== origin && got !== '*' : got !== undefined && !(what === 'preflight' && got === '*')) wrong.push(`${what} ${path} from ${origin}: ${got}`)
        if (answer.header('access-control-allow-credentials') !== undefined) wrong.push(`${what} ${path}: credentials`)
        if (got !== undefined && got !== '*' && !/origin/i.test(answer.header('vary') ?? '')) wrong.push(`${what} ${path}: no Vary`)
      }
      if (allowed && (preflight.status !== 204 || !/POST/.test(preflight.header('access-control-allow-methods') ?? ''))) wrong.push(`preflight ${path}: ${preflight.status}`)
    }
  }
  assert.deepEqual(wrong, [])
})

test('s62 no implicit flow, no password grant, no plain PKCE, iss promised, no token in an address', async () => {
  assert.deepEqual(metadata.response_types_supported, ['code'])
  assert.deepEqual(metadata.code_challenge_methods_supported, ['S256'])
  assert.equal(metadata.authorization_response_iss_parameter_supported, true)
  for (const grant of ['password', 'implicit']) assert.ok(!metadata.grant_types_supported.includes(grant))
  assert.ok(!metadata.token_endpoint_auth_methods_supported.includes('client_secret_jwt'))
  for (const grant_type of ['password', 'implicit', 'PASSWORD', 'authorization_code ']) {
    const answer = await post('/api/oidc/token', form({ grant_type, username: 'ada', password: 'x', scope: 'openid' }))
    assert.equal(refusedAs(answer, 400, 'unsupported_grant_type', grant_type), undefined)
  }
  const browser = await signIn(op, admin.authenticator)
  for (const response_type of ['token', 'id_token', 'id_token token', 'code token', 'code id_token', 'code id_token token', 'none']) {
    for (const response_mode of ['query', 'fragment', 'form_post']) {
      const asked = request(quiet, { response_type, response_mode })
      const back = delivered(await browser.get(authorizePath(asked.params)), CB, response_mode)
      assert.equal(back.error, 'unsupported_response_type', `${response_type} ${response_mode}`)
      for (const name of ['access_token', 'id_token', 'code']) assert.equal(back[name], undefined)
    }
  }
  const { access_token } = await getTokens(op, { browser, authenticator: admin.authenticator }, quiet)
  for (const method of ['GET', 'POST']) {
    const answer = await op.send({ method, path: `/api/oidc/userinfo?${form({ access_token })}` })
    assert.equal(answer.status, 401, `${method}: a token in the query is not looked at`)
  }
})

/** The parameters of an answer in any response mode, those of JARM too. */
function answered(answer: Answer, mode: string): Record<string, string> {
  if (!/jwt$/.test(mode)) return delivered(answer, CB, mode)
  const outer = mode === 'jwt' ? 'query' : mode.replace('.jwt', '')
  const { response, ...others } = delivered(answer, CB, outer)
  assert.ok(response, `no response in ${JSON.stringify(others)}`)
  assert.deepEqual(others, {}, 'nothing beside the response')
  return decodeJwt(response).payload
}

test('s03 s04 every announced response mode × error × method: to the callback, with state and iss', async () => {
  const strict = await createClient(admin.browser, { callbackURLs: [CB], isPublic: true })
  const fresh = await createClient(admin.browser, { callbackURLs: [CB] })
  const cases: [string, Client, Record<string, string | undefined>, string, 'anonymous' | 'signed-in' | 'denies'][] = [
    ['no response_type', quiet, { response_type: undefined }, 'invalid_request', 'anonymous'],
    ['other response_type', quiet, { response_type: 'token' }, 'unsupported_response_type', 'anonymous'],
    ['registration', quiet, { registration: '{}' }, 'registration_not_supported', 'anonymous'],
    ['no PKCE of a public client', strict, { code_challenge: undefined, code_challenge_method: undefined }, 'invalid_request', 'anonymous'],
    ['plain PKCE', quiet, { code_challenge_method: 'plain' }, 'invalid_request', 'anonymous'],
    ['contradicting prompts', quiet, { prompt: 'none consent' }, 'invalid_request', 'anonymous'],
    ['max_age that is no number', quiet, { max_age: '1e3' }, 'invalid_request', 'anonymous'],
    ['forged hint', quiet, { id_token_hint: 'a.b.c' }, 'invalid_request', 'anonymous'],
    ['nobody is signed in', quiet, { prompt: 'none' }, 'login_required', 'anonymous'],
    ['signed in too long ago', quiet, { prompt: 'none', max_age: '0' }, 'login_required', 'signed-in'],
    ['no consent', fresh, { prompt: 'none' }, 'consent_required', 'signed-in'],
    ['the person says no', fresh, {}, 'access_denied', 'denies'],
  ]
  const modes = metadata.response_modes_supported as string[]
  assert.ok(['query', 'fragment', 'form_post'].every((m) => modes.includes(m)))
  const wrong: string[] = []
  for (const [what, c, changes, error, who] of cases) {
    for (const mode of modes) {
      for (const method of ['GET', 'POST']) {
        const asked = request(c, { ...changes, response_mode: mode, state: `"><'&=+ü ${mode}` })
        const browser = who === 'anonymous' ? new Browser(op) : await signIn(op, admin.authenticator)
        const first = method === 'GET' ? await browser.get(authorizePath(asked.params)) : await browser.post('/authorize', asked.params)
        const last = who === 'denies' || method === 'POST' ? await follow(browser, first, { consent: 'deny' }) : first
        try {
          const back = answered(last, mode)
          assert.deepEqual([back.error, back.state, back.iss, back.code], [error, asked.params.state, op.url, undefined])
          assert.match(back.error_description ?? 'x', /^[\x20\x21\x23-\x5b\x5d-\x7e]+$/)
        } catch (problem) {
          wrong.push(`${what}, ${mode}, ${method}: ${(problem as Error).message.split('\n').slice(0, 12).join(' ')}`)
        }
      }
    }
  }
  assert.deepEqual(wrong, [])
})
