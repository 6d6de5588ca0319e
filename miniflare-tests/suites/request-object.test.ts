// Signed request objects (RFC 9101) and signed answers (JARM). The clock is left alone here.
import assert from 'node:assert/strict'
import crypto from 'node:crypto'
import * as o from 'oauth4webapi'
import * as oc from 'openid-client'
import { Browser } from '../harness/browser.ts'
import {
  assertErrorPage, assertOAuthError, authorizePath, basic, createClient, decodeJwt, delivered, redeem, request, setupAdmin, signIn,
  type Client, type Person,
} from '../harness/flows.ts'
import { form } from '../harness/http.ts'
import { subject, test } from '../harness/test.ts'

const op = subject()
const CB = 'http://127.0.0.1:9/callback'
let admin: Person
let browser: Browser

/** A client with keys of its own. */
interface Signer {
  client: Client
  key: crypto.KeyObject
  jwk: crypto.JsonWebKey
}

const KID = 'k1'

async function signer(metadata: Record<string, unknown> = {}): Promise<Signer> {
  const { publicKey, privateKey } = crypto.generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const jwk = publicKey.export({ format: 'jwk' })
  const client = await createClient(admin.browser, {
    callbackURLs: [CB], skipConsent: true, metadata: { jwks: { keys: [{ ...jwk, kid: KID, use: 'sig' }] }, ...metadata },
  })
  return { client, key: privateKey, jwk }
}

const b64 = (value: string | Buffer | object) =>
  (typeof value === 'string' || Buffer.isBuffer(value) ? Buffer.from(value as string) : Buffer.from(JSON.stringify(value))).toString('base64url')

/** Signs header and payload, which may be any text, with ES256. */
function sign(key: crypto.KeyObject, header: object, payload: object | string): string {
  const input = `${b64(header)}.${b64(payload)}`
  return `${input}.${crypto.sign('sha256', Buffer.from(input), { key, dsaEncoding: 'ieee-p1363' }).toString('base64url')}`
}

const HEADER = { alg: 'ES256', typ: 'oauth-authz-req+jwt', kid: KID }

/** The claims of a good object; `undefined` takes one out. */
function claims(s: Signer, changes: Record<string, unknown> = {}): Record<string, unknown> {
  const now = Math.floor(Date.now() / 1000)
  return { ...request(s.client).params, iss: s.client.id, aud: op.url, iat: now, nbf: now, exp: now + 60, ...changes }
}

const object = (s: Signer, changes: Record<string, unknown> = {}) => sign(s.key, HEADER, claims(s, changes))
const ask = (s: Signer, jwt: string, beside: Record<string, string> = {}) => authorizePath({ client_id: s.client.id, request: jwt, ...beside })

const push = (c: Client, params: Record<string, string>) =>
  op.send({
    method: 'POST', path: '/api/oidc/par', body: form(params),
    headers: { 'content-type': 'application/x-www-form-urlencoded', authorization: basic(c.id, c.secret!) },
  })

test('set-up', async () => {
  admin = await setupAdmin(op)
  browser = await signIn(op, admin.authenticator)
})

test('s07 the parameters of a signed object count, and no others', async () => {
  const s = await signer()
  const asked = request(s.client, { scope: 'openid' })
  const jwt = sign(s.key, HEADER, claims(s, asked.params))
  const beside = { response_type: 'code', scope: 'openid', redirect_uri: 'https://evil.example/', state: 'evil', response_mode: 'fragment', prompt: 'none login' }
  const params = delivered(await browser.get(ask(s, jwt, beside)), CB)
  assert.equal(params.state, asked.state)
  const tokens = await redeem(op, { code: params.code!, request: asked, client: s.client })
  assert.equal(tokens.json().scope, 'openid')
  assert.equal(decodeJwt(tokens.json().id_token).payload.nonce, asked.nonce)
  for (const changes of [{ scope: 'openid groups' }, { response_type: 'token' }] as Record<string, string>[]) {
    const refused = delivered(await browser.get(ask(s, jwt, { redirect_uri: CB, state: 's', ...changes })), CB)
    assert.deepEqual([refused.error, refused.state], ['invalid_request_object', 's'])
  }
})

/** Objects that must not count. */
function bad(s: Signer): Record<string, string> {
  const good = claims(s)
  const text = JSON.stringify(good)
  const pem = crypto.createPublicKey({ key: s.jwk, format: 'jwk' }).export({ type: 'spki', format: 'pem' })
  const hs256 = (secret: string | Buffer) => {
    const input = `${b64({ alg: 'HS256', kid: KID })}.${b64(text)}`
    return `${input}.${crypto.createHmac('sha256', secret).update(input).digest('base64url')}`
  }
  const other = crypto.generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const now = Math.floor(Date.now() / 1000)
  return {
    'alg none': `${b64({ alg: 'none' })}.${b64(text)}.`,
    'alg none with a kid': `${b64({ alg: 'none', kid: KID })}.${b64(text)}.`,
    'alg None': `${b64({ alg: 'None', kid: KID })}.${b64(text)}.`,
    'raw JSON': text,
    'raw JSON in a JWE': `${b64({ alg: 'dir', enc: 'A256GCM', cty: 'json' })}..${b64('iv')}.${b64(text)}.${b64('tag')}`,
    'raw JSON in a JWE with a key': `${b64({ alg: 'RSA-OAEP-256', enc: 'A256GCM', kid: KID })}.${b64('key')}.${b64('iv')}.${b64(text)}.${b64('tag')}`,
    'HS256 with the public key': hs256(pem),
    'HS256 with the JWK': hs256(JSON.stringify(s.jwk)),
    'HS256 with the client secret': hs256(s.client.secret!),
    'alg swapped to RS256': sign(s.key, { ...HEADER, alg: 'RS256' }, good),
    'alg swapped to ES384': sign(s.key, { ...HEADER, alg: 'ES384' }, good),
    'another key': sign(other.privateKey, HEADER, good),
    'a key it brings along': sign(other.privateKey, { ...HEADER, jwk: other.publicKey.export({ format: 'jwk' }) }, good),
    'crit': sign(s.key, { ...HEADER, crit: ['b64'], b64: false }, good),
    'typ of an access token': sign(s.key, { ...HEADER, typ: 'at+jwt' }, good),
    'no object': sign(s.key, HEADER, '[]'),
    'a name twice': sign(s.key, HEADER, text.replace('{', '{"scope":"openid groups",')),
    'a name twice, escaped': sign(s.key, HEADER, text.replace('{', '{"\\u0073cope":"openid groups",')),
    'iss': object(s, { iss: 'nobody' }),
    'no iss': object(s, { iss: undefined }),
    'aud': object(s, { aud: `${op.url}/` }),
    'no aud': object(s, { aud: undefined }),
    'expired': object(s, { exp: now - 1 }),
    'no exp': object(s, { exp: undefined }),
    'exp in a day': object(s, { exp: now + 86_400 }),
    'nbf ahead': object(s, { nbf: now + 600 }),
    'iat of yesterday': object(s, { iat: now - 86_400 }),
    'client_id': object(s, { client_id: 'nobody' }),
    'no client_id': object(s, { client_id: undefined }),
    'sub': object(s, { sub: s.client.id }),
    'request inside': object(s, { request: 'x' }),
    'request_uri inside': object(s, { request_uri: 'urn:ietf:params:oauth:request_uri:x' }),
  }
}

test('s07 s24 an object that is badly signed or says something wrong does not count, at /authorize and pushed', async () => {
  const s = await signer()
  const wrong: string[] = []
  for (const [what, jwt] of Object.entries(bad(s))) {
    try {
      const params = delivered(await browser.get(ask(s, jwt, { redirect_uri: CB, state: 's' })), CB)
      assert.deepEqual([params.error, params.state, params.iss], ['invalid_request_object', 's', op.url])
      assertErrorPage(await browser.get(ask(s, jwt)))
      assertErrorPage(await browser.get(ask(s, jwt, { redirect_uri: 'https://evil.example/' })))
      assertOAuthError(await push(s.client, { request: jwt }), 400, 'invalid_request_object')
    } catch (problem) {
      wrong.push(`${what}: ${(problem as Error).message.split('\n')[0]}`)
    }
  }
  assert.deepEqual(wrong, [])
  assert.equal((await op.sql('SELECT COUNT(*) FROM used_jtis'))[0]![0], '0')
})

test('s07 a registered request_object_signing_alg is the only one', async () => {
  for (const [alg, good] of [['ES256', true], ['RS256', false]] as const) {
    const s = await signer({ request_object_signing_alg: alg })
    const params = delivered(await browser.get(ask(s, object(s), { redirect_uri: CB })), CB)
    assert.equal(params.error, good ? undefined : 'invalid_request_object', alg)
  }
  for (const alg of ['none', 'HS256']) {
    const answer = await admin.browser.json('POST', '/api/oidc/clients', { name: 'x', metadata: { request_object_signing_alg: alg } })
    assert.equal(answer.status, 400, alg)
  }
})

test('a client that requires signed requests takes no others', async () => {
  const s = await signer({ require_signed_request_object: true })
  const plain = request(s.client)
  const params = delivered(await browser.get(authorizePath(plain.params)), CB)
  assert.deepEqual([params.error, params.state], ['invalid_request', plain.state])
  assertOAuthError(await push(s.client, plain.params), 400, 'invalid_request')
  assert.ok(delivered(await browser.get(ask(s, object(s))), CB).code)
  const pushed = await push(s.client, { request: object(s) })
  assert.equal(pushed.status, 201, pushed.text)
  assert.ok(delivered(await browser.get(authorizePath({ client_id: s.client.id, request_uri: pushed.json().request_uri })), CB).code)
})

test('s05 request or client_id twice, and request with request_uri, are refused', async () => {
  const s = await signer()
  const jwt = object(s)
  for (const twice of [`request=${jwt}`, `client_id=${s.client.id}`]) {
    assertErrorPage(await browser.get(`${ask(s, jwt)}&${twice}`))
    assertErrorPage(await browser.get(ask(s, jwt).replace('?', `?${twice}&`)))
  }
  assertErrorPage(await browser.get(ask(s, jwt, { request_uri: 'urn:ietf:params:oauth:request_uri:x' })))
  assertOAuthError(await push(s.client, { request: jwt, request_uri: 'urn:ietf:params:oauth:request_uri:x' }), 400, 'invalid_request')
})

test('s61 50 uses of one object with a jti at once give one code', async () => {
  const s = await signer()
  const path = ask(s, object(s, { jti: crypto.randomUUID() }), { redirect_uri: CB })
  const answers = await Promise.all(Array.from({ length: 50 }, () => browser.get(path)))
  const params = answers.map((a) => delivered(a, CB))
  assert.equal(params.filter((p) => p.code).length, 1)
  assert.equal(params.filter((p) => p.error === 'invalid_request_object').length, 49)
})

test('openid-client: buildAuthorizationUrlWithJAR, answered by useJwtResponseMode', async () => {
  for (const alg of ['ES256', 'RS256', 'Ed25519'] as const) {
    const pair = await o.generateKeyPair(alg, { extractable: true })
    const jwk = await crypto.subtle.exportKey('jwk', pair.publicKey)
    const keys = [{ kty: jwk.kty, crv: jwk.crv, x: jwk.x, y: jwk.y, n: jwk.n, e: jwk.e, kid: KID }]
    const client = await createClient(admin.browser, {
      callbackURLs: [CB], skipConsent: true, metadata: { jwks: { keys }, require_signed_request_object: true },
    })
    const config = await oc.discovery(new URL(op.url), client.id, undefined, oc.ClientSecretBasic(client.secret!), { execute: [oc.allowInsecureRequests, oc.useJwtResponseMode] })
    // This library calls the algorithm of Ed25519 by its newer name.
    const rename = { [oc.modifyAssertion]: (header: Record<string, unknown>) => void (header.alg === 'Ed25519' && (header.alg = 'EdDSA')) }
    const verifier = oc.randomPKCECodeVerifier()
    const state = oc.randomState()
    const params = { redirect_uri: CB, scope: 'openid email', state, max_age: '600', code_challenge: await oc.calculatePKCECodeChallenge(verifier), code_challenge_method: 'S256' }
    const url = await oc.buildAuthorizationUrlWithJAR(config, params, { key: pair.privateKey, kid: KID }, rename)
    const answer = await browser.get(url.pathname + url.search)
    const tokens = await oc.authorizationCodeGrant(config, new URL(answer.location), { pkceCodeVerifier: verifier, expectedState: state, maxAge: 600, idTokenExpected: true })
    assert.ok(tokens.claims()!.sub, alg)
    assert.equal(delivered(await browser.get(url.pathname + url.search), CB, 'jwt').error, 'invalid_request_object', 'it has a jti')
  }
})

test('oauth4webapi: validateJwtAuthResponse of code and error in each signed mode', async () => {
  const insecure = { [o.allowInsecureRequests]: true }
  const issuer = new URL(op.url)
  const as = await o.processDiscoveryResponse(issuer, await o.discoveryRequest(issuer, insecure))
  const registered = await createClient(admin.browser, { callbackURLs: [CB], skipConsent: true })
  const client: o.Client = { client_id: registered.id }
  for (const mode of ['jwt', 'query.jwt', 'fragment.jwt', 'form_post.jwt']) {
    const carrier = mode === 'jwt' ? 'query' : mode.slice(0, -'.jwt'.length)
    for (const error of [undefined, 'invalid_request'] as const) {
      const asked = request(registered, { response_mode: mode, ...(error && { prompt: 'dance' }) })
      const { response, ...beside } = delivered(await browser.get(authorizePath(asked.params)), CB, carrier)
      assert.deepEqual(beside, {})
      const validate = () => o.validateJwtAuthResponse(as, client, new URLSearchParams({ response: response! }), asked.state, insecure)
      if (error) await assert.rejects(validate(), (e: any) => e instanceof o.AuthorizationResponseError && e.error === error)
      else {
        const params = await validate()
        assert.equal((await redeem(op, { code: params.get('code')!, request: asked, client: registered })).status, 200)
      }
      const { aud, exp, iss } = decodeJwt(response!).payload
      assert.deepEqual([aud, iss], [registered.id, op.url])
      assert.ok(exp - Date.now() / 1000 <= 600)
    }
  }
})

test('s25 a signed answer is no ID token', async () => {
  const client = await createClient(admin.browser, { callbackURLs: [CB], skipConsent: true })
  const { response } = delivered(await browser.get(authorizePath(request(client, { response_mode: 'jwt' }).params)), CB, 'query')
  const asked = request(client, { id_token_hint: response!, prompt: 'none' })
  assert.equal(delivered(await browser.get(authorizePath(asked.params)), CB).error, 'invalid_request')
})
