import assert from 'node:assert/strict'
import crypto from 'node:crypto'
import * as o from 'oauth4webapi'
import {
  assertOAuthError, authorize, createClient, decodeJwt, delivered, getCode, getTokens, redemption, request, setupAdmin, signIn, token, type Client, type Grant,
  type Person,
} from '../harness/flows.ts'
import { send, type Headers } from '../harness/http.ts'
import { newPair, sign, thumbprint, type Alg } from '../harness/jws.ts'
import { subject, test } from '../harness/test.ts'

const op = subject()
const TOKEN = '/api/oidc/token'
const USERINFO = '/api/oidc/userinfo'
let admin: Person
let client: Client

const fresh = async () => ({ browser: await signIn(op, admin.authenticator), authenticator: admin.authenticator })

/** A key of an app that makes proofs by hand. */
interface Key {
  jkt: string
  proof(method: string, path: string, changes?: Record<string, unknown>, header?: Record<string, unknown>): string
}

// The subject's clock runs ahead of ours.
let ahead = 0
const advance = async (seconds: number) => {
  ahead += seconds
  await op.advance(seconds)
}

function newKey(alg: Alg = 'ES256'): Key {
  const pair = newPair(alg)
  return {
    jkt: thumbprint(pair.jwk),
    proof: (method, path, changes = {}, header = {}) => {
      const iat = Math.floor(Date.now() / 1000) + ahead
      const claims = { jti: crypto.randomUUID(), htm: method, htu: op.url + path, iat, ...changes }
      return sign(pair, { typ: 'dpop+jwt', alg, jwk: pair.jwk, ...header }, claims)
    },
  }
}

const redeemWith = async (grant: Grant, proof: string | string[], headers: Headers = {}) => token(op, grant.client, redemption(grant), { dpop: proof, ...headers })
const ath = (accessToken: string) => crypto.createHash('sha256').update(accessToken).digest('base64url')
const ask = (accessToken: string, proof: string | undefined, scheme = 'DPoP') =>
  send(op.peer, { path: USERINFO, headers: { authorization: `${scheme} ${accessToken}`, ...(proof === undefined ? {} : { dpop: proof }) } })

/** Tokens bound to a key. */
async function boundTokens(key: Key, app = client) {
  const answer = await redeemWith(await getCode(await fresh(), app), key.proof('POST', TOKEN))
  assert.equal(answer.status, 200, answer.text)
  return answer.json()
}

/** The library's calls, once more when it is told to use a nonce. */
async function retried<T>(call: () => Promise<T>): Promise<{ result: T; tries: number }> {
  try {
    return { result: await call(), tries: 1 }
  } catch (error) {
    if (!o.isDPoPNonceError(error)) throw error
    return { result: await call(), tries: 2 }
  }
}

test('oauth4webapi with DPoP: code bound by dpop_jkt, nonce, refresh, userinfo', async () => {
  admin = await setupAdmin(op)
  client = await createClient(admin.browser, { skipConsent: true })
  const insecure = { [o.allowInsecureRequests]: true }
  const issuer = new URL(op.url)
  const as = await o.processDiscoveryResponse(issuer, await o.discoveryRequest(issuer, insecure))
  assert.ok(as.dpop_signing_alg_values_supported?.includes('ES256'))
  const apps: [string, Client, number][] = [
    ['none', await createClient(admin.browser, { isPublic: true, skipConsent: true }), 1],
    ['client_secret_basic', await createClient(admin.browser, { skipConsent: true }), 1],
    ['dpop_bound_access_tokens', await createClient(admin.browser, { isPublic: true, skipConsent: true, metadata: { dpop_bound_access_tokens: true } }), 2],
  ]
  for (const [what, app, tries] of apps) {
    const c: o.Client = { client_id: app.id }
    const auth = app.secret === undefined ? o.None() : o.ClientSecretBasic(app.secret)
    const DPoP = o.DPoP(c, await o.generateKeyPair('ES256', { extractable: true }))
    const asked = request(app, { dpop_jkt: await DPoP.calculateThumbprint() })
    const answer = await authorize((await fresh()).browser, asked.params)
    delivered(answer, app.redirectUri)
    const params = o.validateAuthResponse(as, c, new URL(answer.location), asked.state)
    // One authorization code, used by both tries: a challenge uses nothing up.
    const got = await retried(async () => {
      const response = await o.authorizationCodeGrantRequest(as, c, auth, params, app.redirectUri, asked.verifier, { DPoP, ...insecure })
      return o.processAuthorizationCodeResponse(as, c, response, { expectedNonce: asked.nonce, requireIdToken: true })
    })
    assert.equal(got.tries, tries, what)
    assert.equal(got.result.token_type, 'dpop')
    assert.equal(decodeJwt(got.result.access_token).payload.cnf.jkt, asked.params.dpop_jkt)
    const sub = o.getValidatedIdTokenClaims(got.result)!.sub
    const info = await retried(async () => o.processUserInfoResponse(as, c, sub, await o.userInfoRequest(as, c, got.result.access_token, { DPoP, ...insecure })))
    assert.equal(info.result.sub, sub, what)
    const again = await retried(async () =>
      o.processRefreshTokenResponse(as, c, await o.refreshTokenGrantRequest(as, c, auth, got.result.refresh_token!, { DPoP, ...insecure })),
    )
    assert.equal(again.tries, 1, 'the nonce of the answer before is used')
    assert.equal(again.result.token_type, 'dpop', what)
    await o.processUserInfoResponse(as, c, sub, await o.userInfoRequest(as, c, again.result.access_token, { DPoP, ...insecure }))
    // Another key: nothing.
    const other = o.DPoP(c, await o.generateKeyPair('ES256'))
    await assert.rejects(async () => o.processUserInfoResponse(as, c, sub, await o.userInfoRequest(as, c, again.result.access_token, { DPoP: other, ...insecure })))
  }
})

test('s23 a bound token is refused as a bearer token, without a proof, and with another key', async () => {
  const [key, thief] = [newKey(), newKey()]
  const tokens = await boundTokens(key)
  const at = tokens.access_token
  assert.equal(tokens.token_type, 'DPoP')
  const good = () => key.proof('GET', USERINFO, { ath: ath(at) })
  const bearer = await ask(at, undefined, 'Bearer')
  assert.equal(bearer.status, 401)
  assert.match(bearer.header('www-authenticate') ?? '', /^Bearer error="invalid_token".*DPoP algs="/)
  assert.equal((await ask(at, await good(), 'Bearer')).status, 401)
  const none = await ask(at, undefined)
  assert.equal(none.status, 401)
  assert.match(none.header('www-authenticate') ?? '', /^DPoP error="invalid_dpop_proof".*algs="RS256 /)
  assert.match((await ask(at, thief.proof('GET', USERINFO, { ath: ath(at) }))).header('www-authenticate') ?? '', /^DPoP error="invalid_token"/)
  for (const [what, changes] of Object.entries({
    'no ath': {},
    'ath of another token': { ath: ath('another') },
    'another method': { ath: ath(at), htm: 'POST' },
    'another endpoint': { ath: ath(at), htu: op.url + TOKEN },
    'an old proof': { ath: ath(at), iat: Math.floor(Date.now() / 1000) - 120 },
    'a proof of the future': { ath: ath(at), iat: Math.floor(Date.now() / 1000) + 120 },
  })) {
    const answer = await ask(at, key.proof('GET', USERINFO, changes))
    assert.equal(answer.status, 401, what)
    assert.match(answer.header('www-authenticate') ?? '', /^DPoP error="invalid_dpop_proof"/, what)
  }
  const answer = await ask(at, await good())
  assert.equal(answer.status, 200, answer.text)
  assert.ok(answer.header('dpop-nonce'))
  // A token that is not bound is no DPoP token.
  const plain = await getTokens(op, await fresh(), client)
  assert.equal((await ask(plain.access_token, key.proof('GET', USERINFO, { ath: ath(plain.access_token) }))).status, 401)
})

test('s23 a proof counts once: 50 at once give exactly one success', async () => {
  const key = newKey()
  const tokens = await boundTokens(key)
  const proof = key.proof('GET', USERINFO, { ath: ath(tokens.access_token) })
  const answers = await Promise.all(Array.from({ length: 50 }, () => ask(tokens.access_token, proof)))
  assert.equal(answers.filter((a) => a.status === 200).length, 1)
  assert.ok(answers.every((a) => a.status === 200 || a.status === 401))
  // At the token endpoint too, where it leaves the code whole.
  const [first, second] = [await getCode(await fresh(), client), await getCode(await fresh(), client)]
  const once = key.proof('POST', TOKEN)
  assert.equal((await redeemWith(first, once)).status, 200)
  assertOAuthError(await redeemWith(second, once), 400, 'invalid_dpop_proof')
  assert.equal((await redeemWith(second, key.proof('POST', TOKEN))).status, 200)
})

test('s23 htu is compared with the configured address, whatever proxies say', async () => {
  const key = newKey()
  const proxied: Headers = {
    'x-forwarded-host': 'evil.example', 'x-forwarded-proto': 'https', 'x-forwarded-prefix': '/auth', forwarded: 'host=evil.example;proto=https', 'x-original-url': '/auth/api/oidc/token',
  }
  const path = new URL(op.url)
  for (const htu of [
    `https://evil.example${TOKEN}`, `${op.url}/auth${TOKEN}`, `http://127.0.0.1:${op.peer.port}${TOKEN}`, `https://${path.host}${TOKEN}`, `${op.url}${TOKEN}/`, op.url, TOKEN, '',
  ]) {
    const grant = await getCode(await fresh(), client)
    assertOAuthError(await redeemWith(grant, key.proof('POST', TOKEN, { htu }), proxied), 400, 'invalid_dpop_proof')
    assert.equal((await redeemWith(grant, key.proof('POST', TOKEN, { htu: `${op.url}${TOKEN}?a=b#c` }), proxied)).status, 200, htu)
  }
})

test('s23 proofs are of type dpop+jwt, by an asymmetric algorithm, with a public key', async () => {
  const key = newKey()
  const grant = await getCode(await fresh(), client)
  const pair = newPair()
  const shared = newPair('HS256')
  const claims = { jti: 'x', htm: 'POST', htu: op.url + TOKEN, iat: Math.floor(Date.now() / 1000) }
  const head = { typ: 'dpop+jwt', alg: 'ES256' }
  const bad = {
    'a private key': sign(pair, { ...head, jwk: pair.privateJwk }, claims),
    'no key': sign(pair, head, claims),
    'another key': sign(pair, { ...head, jwk: newPair().jwk }, claims),
    'a shared secret': sign(shared, { ...head, alg: 'HS256', jwk: shared.jwk }, claims),
    'typ JWT': key.proof('POST', TOKEN, {}, { typ: 'JWT' }),
    'no typ': key.proof('POST', TOKEN, {}, { typ: undefined }),
    'no jti': key.proof('POST', TOKEN, { jti: undefined }),
    none: `${sign(pair, { ...head, alg: 'none', jwk: pair.jwk }, claims).split('.').slice(0, 2).join('.')}.`,
    garbage: 'a.b.c',
  }
  for (const [what, proof] of Object.entries(bad)) {
    const answer = await redeemWith(grant, proof)
    assert.equal(answer.status, 400, `${what}: ${answer.text}`)
    assert.equal(answer.json().error, 'invalid_dpop_proof', what)
  }
  assertOAuthError(await redeemWith(grant, [key.proof('POST', TOKEN), key.proof('POST', TOKEN)]), 400, 'invalid_dpop_proof')
  assert.equal((await redeemWith(grant, key.proof('POST', TOKEN))).status, 200)
})

test('s23 a code bound by dpop_jkt and the refresh token of a public client need their key', async () => {
  const app = await createClient((await fresh()).browser, { isPublic: true, skipConsent: true })
  const [key, thief] = [newKey(), newKey()]
  const grant = await getCode(await fresh(), app, { dpop_jkt: key.jkt })
  assertOAuthError(await redeemWith(grant, thief.proof('POST', TOKEN)), 400, 'invalid_grant')
  assertOAuthError(await token(op, app, redemption(grant)), 400, 'invalid_grant')
  const tokens = (await redeemWith(grant, key.proof('POST', TOKEN))).json()
  const renew = (proof?: string) => token(op, app, { grant_type: 'refresh_token', refresh_token: tokens.refresh_token }, proof === undefined ? {} : { dpop: proof })
  assertOAuthError(await renew(), 400, 'invalid_grant')
  assertOAuthError(await renew(thief.proof('POST', TOKEN)), 400, 'invalid_grant')
  const next = await renew(key.proof('POST', TOKEN))
  assert.equal(next.status, 200, next.text)
  assert.equal(next.json().token_type, 'DPoP')
})

test('s23 a client registered for it must use DPoP, with our nonce, which counts for five minutes', async () => {
  const app = await createClient((await fresh()).browser, { skipConsent: true, metadata: { dpop_bound_access_tokens: true } })
  const key = newKey('EdDSA')
  const grant = await getCode(await fresh(), app)
  assertOAuthError(await token(op, app, redemption(grant)), 400, 'invalid_dpop_proof')
  const challenge = await redeemWith(grant, key.proof('POST', TOKEN))
  assertOAuthError(challenge, 400, 'use_dpop_nonce')
  const nonce = challenge.header('dpop-nonce')
  assert.ok(nonce)
  assertOAuthError(await redeemWith(grant, key.proof('POST', TOKEN, { nonce: `${nonce.slice(0, -2)}AA` })), 400, 'use_dpop_nonce')
  const answer = await redeemWith(grant, key.proof('POST', TOKEN, { nonce }))
  assert.equal(answer.status, 200, answer.text)
  await advance(300)
  const later = await getCode(await fresh(), app)
  assertOAuthError(await redeemWith(later, key.proof('POST', TOKEN, { nonce })), 400, 'use_dpop_nonce')
})

test('scripts of a registered origin may send proofs and read nonces', async () => {
  const origin = new URL(client.redirectUri).origin
  const preflight = await op.send({
    method: 'OPTIONS', path: TOKEN, headers: { origin, 'access-control-request-method': 'POST', 'access-control-request-headers': 'dpop' },
  })
  assert.match(preflight.header('access-control-allow-headers') ?? '', /\bDPoP\b/)
  const key = newKey()
  const answer = await redeemWith(await getCode(await fresh(), client), key.proof('POST', TOKEN), { origin })
  assert.equal(answer.status, 200, answer.text)
  assert.match(answer.header('access-control-expose-headers') ?? '', /\bDPoP-Nonce\b/)
  assert.ok(answer.header('dpop-nonce'))
})
