import assert from 'node:assert/strict'
import crypto from 'node:crypto'
import { createLocalJWKSet, jwtVerify } from 'jose'
import { SESSION } from '../harness/browser.ts'
import {
  assertOAuthError, authorizePath, createClient, decodeJwt, delivered, getTokens, joinJwt, redemption, refresh, request, setupAdmin, signIn, token, userinfo,
  type Client, type Person, type Tokens,
} from '../harness/flows.ts'
import { form } from '../harness/http.ts'
import { subject, test } from '../harness/test.ts'

const op = subject()
let admin: Person
let client: Client
let tokens: Tokens

const fresh = async () => ({ browser: await signIn(op, admin.authenticator), authenticator: admin.authenticator })

function assertBearerError(answer: Awaited<ReturnType<typeof userinfo>>, status: number, error: string | undefined, what = ''): void {
  assert.equal(answer.status, status, `${what}: ${answer.text}`)
  const challenge = answer.header('www-authenticate') ?? ''
  assert.match(challenge, /^Bearer/, what)
  if (error === undefined) assert.doesNotMatch(challenge, /error=/, 'RFC 6750 §3.1: no error code when no token was sent')
  else assert.match(challenge, new RegExp(`error="${error}"`), what)
  assert.ok(!answer.text.includes('ada@example.com'))
}

test('userinfo has the claims of the granted scopes', async () => {
  admin = await setupAdmin(op)
  client = await createClient(admin.browser, { skipConsent: true })
  const id = (await admin.browser.json('GET', '/api/users/me')).json().id
  const claims = async (scope: string) => (await userinfo(op, (await getTokens(op, await fresh(), client, { scope })).access_token)).json()
  assert.deepEqual(await claims('openid'), { sub: id })
  assert.deepEqual(await claims('openid email'), { sub: id, email: 'ada@example.com', email_verified: false })
  assert.deepEqual(await claims('openid groups'), { sub: id, groups: [] })
  const profile = await claims('openid profile')
  assert.equal(profile.given_name, 'Ada')
  assert.equal(profile.family_name, 'Lovelace')
  assert.equal(profile.name, 'Ada Lovelace')
  assert.equal(profile.preferred_username, 'ada')
  assert.ok(profile.display_name)
  assert.equal(profile.email, undefined)
  assert.equal(profile.groups, undefined)
})

test('GET and POST with the header, POST with the form', async () => {
  tokens = await getTokens(op, await fresh(), client)
  const get = await userinfo(op, tokens.access_token)
  assert.equal(get.status, 200)
  assert.match(get.header('content-type') ?? '', /^application\/json/)
  assert.match(get.header('cache-control') ?? '', /no-store/)
  const post = await op.send({ method: 'POST', path: '/api/oidc/userinfo', headers: { authorization: `Bearer ${tokens.access_token}` } })
  assert.equal(post.status, 200)
  assert.deepEqual(post.json(), get.json())
  const body = await op.send({ method: 'POST', path: '/api/oidc/userinfo', headers: { 'content-type': 'application/x-www-form-urlencoded' }, body: form({ access_token: tokens.access_token }) })
  assert.equal(body.status, 200, body.text)
  const scheme = await op.send({ path: '/api/oidc/userinfo', headers: { authorization: `bearer ${tokens.access_token}` } })
  assert.equal(scheme.status, 200, 'the scheme is case-insensitive (RFC 9110 §11.1)')
})

test('s62 a token in the query is not read', async () => {
  assertBearerError(await op.send({ path: `/api/oidc/userinfo?access_token=${tokens.access_token}` }), 401, undefined)
})

test('without a token, with garbage, with two tokens', async () => {
  const at = '/api/oidc/userinfo'
  assertBearerError(await op.send({ path: at }), 401, undefined, 'nothing')
  for (const authorization of ['Bearer', 'Bearer ', 'Bearer x', 'Bearer a.b.c', 'Bearer ..', `Bearer ${tokens.access_token}x`, `Bearer ${'x'.repeat(5000)}`, `Bearer ${tokens.access_token} x`]) {
    const answer = await op.send({ path: at, headers: { authorization } })
    assert.ok(answer.status === 401 || answer.status === 400, `${authorization.slice(0, 30)}: ${answer.status}`)
    assert.match(answer.header('www-authenticate') ?? '', /^Bearer/)
  }
  assertBearerError(await op.send({ path: at, headers: { authorization: 'Basic YTpi' } }), 401, undefined, 'Basic')
  const both = await op.send({ method: 'POST', path: at, headers: { authorization: `Bearer ${tokens.access_token}`, 'content-type': 'application/x-www-form-urlencoded' }, body: form({ access_token: tokens.access_token }) })
  assertBearerError(both, 400, 'invalid_request', 'header and form')
})

test('s24 only a token signed by our key with its algorithm is accepted', async () => {
  const { header, payload, signature } = decodeJwt(tokens.access_token)
  const [h, p, s] = tokens.access_token.split('.') as [string, string, string]
  const jwk = (await op.send({ path: '/.well-known/jwks.json' })).json().keys[0]
  const pem = crypto.createPublicKey({ key: jwk, format: 'jwk' }).export({ type: 'spki', format: 'pem' }) as string
  const mine = crypto.generateKeyPairSync('rsa', { modulusLength: 2048 })
  const ec = crypto.generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const signed = (head: object, body: object, sign: (data: Buffer) => Buffer) => {
    const input = joinJwt(head, body, '').slice(0, -1)
    return `${input}.${sign(Buffer.from(input)).toString('base64url')}`
  }
  const rs = (data: Buffer) => crypto.sign('sha256', data, mine.privateKey)
  const hs = (key: crypto.BinaryLike) => (data: Buffer) => crypto.createHmac('sha256', key).update(data).digest()
  const raw = Buffer.from(signature, 'base64url')
  const forged: Record<string, string> = {
    'alg none, no signature': joinJwt({ ...header, alg: 'none' }, payload, ''),
    'alg none, old signature': joinJwt({ ...header, alg: 'none' }, payload, raw),
    'alg nOnE': joinJwt({ ...header, alg: 'nOnE' }, payload, ''),
    'no alg': joinJwt({ kid: header.kid, typ: header.typ }, payload, raw),
    'HS256 with the PEM': signed({ ...header, alg: 'HS256' }, payload, hs(pem)),
    'HS256 with the modulus': signed({ ...header, alg: 'HS256' }, payload, hs(Buffer.from(jwk.n, 'base64url'))),
    'HS256 with the JWK': signed({ ...header, alg: 'HS256' }, payload, hs(JSON.stringify(jwk))),
    'own key, our kid': signed(header, payload, rs),
    'own key in jwk': signed({ ...header, jwk: mine.publicKey.export({ format: 'jwk' }) }, payload, rs),
    'own key in jwk, no kid': signed({ alg: 'RS256', typ: 'at+jwt', jwk: mine.publicKey.export({ format: 'jwk' }) }, payload, rs),
    'jku': signed({ ...header, jku: 'http://127.0.0.1:9/jwks', kid: 'x' }, payload, rs),
    'x5u': signed({ ...header, x5u: 'http://127.0.0.1:9/cert', kid: 'x' }, payload, rs),
    'ES256, our kid': signed({ ...header, alg: 'ES256' }, payload, (d) => crypto.sign('sha256', d, { key: ec.privateKey, dsaEncoding: 'ieee-p1363' })),
    'RS512 in the header': joinJwt({ ...header, alg: 'RS512' }, payload, raw),
    'unknown kid': joinJwt({ ...header, kid: 'nobody' }, payload, raw),
    'crit': joinJwt({ ...header, crit: ['exp'] }, payload, raw),
    'b64 false': joinJwt({ ...header, b64: false, crit: ['b64'] }, payload, raw),
    'changed subject': joinJwt(header, { ...payload, sub: 'someone' }, raw),
    'changed scope': joinJwt(header, { ...payload, scope: 'openid email groups' }, raw),
    'longer life': joinJwt(header, { ...payload, exp: payload.exp + 1_000_000 }, raw),
    'no signature': `${h}.${p}.`,
    'two parts': `${h}.${p}`,
    'four parts': `${tokens.access_token}.x`,
    'padding': `${h}.${p}.${s}==`,
    'flipped bit': `${h}.${p}.${(raw[10]! ^= 1, raw.toString('base64url'))}`,
    'standard base64': tokens.access_token.includes('-') || tokens.access_token.includes('_') ? tokens.access_token.replaceAll('-', '+').replaceAll('_', '/') : `${h}.${p}.+/`,
    'JSON serialisation': JSON.stringify({ payload: p, protected: h, signature: s }),
  }
  for (const [what, token] of Object.entries(forged)) assertBearerError(await userinfo(op, token), 401, 'invalid_token', what)
  assert.equal((await userinfo(op, tokens.access_token)).status, 200)
})

test('s25 no other kind of token is an access token', async () => {
  const one = await fresh()
  const t = await getTokens(op, one, client)
  for (const [what, token] of [['ID token', t.id_token], ['refresh token', t.refresh_token], ['code', t.grant.code], ['session', one.browser.session!.value]] as const) {
    assertBearerError(await userinfo(op, token), 401, 'invalid_token', what)
  }
})

test('s25 an access or ID token is not a session, and not a client secret', async () => {
  const t = await getTokens(op, await fresh(), client)
  for (const token of [t.access_token, t.id_token, t.refresh_token]) {
    for (const headers of [{ authorization: `Bearer ${token}` }, { cookie: `${SESSION}=${token}` }, { cookie: `access_token=${token}` }, { 'x-api-key': token }] as Record<string, string>[]) {
      for (const path of ['/api/users/me', '/api/oidc/clients']) {
        assert.equal((await op.send({ path, headers })).status, 401, `${path} ${Object.keys(headers)[0]}`)
      }
    }
  }
})

test('s25 a code is not a refresh token and the other way round', async () => {
  const t = await getTokens(op, await fresh(), client)
  assertOAuthError(await refresh(op, client, t.grant.code), 400, 'invalid_grant')
  assertOAuthError(await refresh(op, client, t.access_token), 400, 'invalid_grant')
  assertOAuthError(await token(op, client, { ...redemption(t.grant), code: t.refresh_token }), 400, 'invalid_grant')
})

test('a token without openid is not for userinfo', async () => {
  const t = await getTokens(op, await fresh(), client, { scope: 'profile email' })
  const answer = await userinfo(op, t.access_token)
  assert.equal(answer.status, 403, answer.text)
  assert.match(answer.header('www-authenticate') ?? '', /error="insufficient_scope"/)
})

test('claims are live, and a token of a deleted client or person is dead', async () => {
  const t = await getTokens(op, await fresh(), client)
  await op.sql("UPDATE users SET first_name = 'Augusta' WHERE username = 'ada'")
  assert.equal((await userinfo(op, t.access_token)).json().given_name, 'Augusta')
  const gone = await createClient(await signIn(op, admin.authenticator), { skipConsent: true })
  const theirs = await getTokens(op, await fresh(), gone)
  await (await signIn(op, admin.authenticator)).json('DELETE', `/api/oidc/clients/${gone.id}`)
  assertBearerError(await userinfo(op, theirs.access_token), 401, 'invalid_token')
})

test('signed userinfo verifies by the key set, and is no ID token', async () => {
  const signed = await createClient(await signIn(op, admin.authenticator), { skipConsent: true, metadata: { userinfo_signed_response_alg: 'RS256' } })
  const one = await fresh()
  const t = await getTokens(op, one, signed, { scope: 'openid email' })
  const answer = await userinfo(op, t.access_token)
  assert.equal(answer.status, 200, answer.text)
  assert.equal(answer.header('content-type'), 'application/jwt')
  const jwks = createLocalJWKSet((await op.send({ path: '/.well-known/jwks.json' })).json())
  const { payload } = await jwtVerify(answer.text, jwks, { issuer: op.url, audience: signed.id, typ: 'userinfo+jwt', algorithms: ['RS256'] })
  assert.equal(payload.sub, decodeJwt(t.id_token).payload.sub)
  assert.equal(payload.email, 'ada@example.com')
  const hint = await one.browser.get(authorizePath(request(signed, { id_token_hint: answer.text, prompt: 'none' }).params))
  assert.equal(delivered(hint, signed.redirectUri).error, 'invalid_request')
  assertBearerError(await userinfo(op, answer.text), 401, 'invalid_token')
})

test('an expired token is refused', async () => {
  const t = await getTokens(op, await fresh(), client)
  await op.advance(3661)
  assertBearerError(await userinfo(op, t.access_token), 401, 'invalid_token')
})
