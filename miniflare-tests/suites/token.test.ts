import assert from 'node:assert/strict'
import crypto from 'node:crypto'
import {
  assertOAuthError, authorizePath, basic, createClient, decodeJwt, getCode, getTokens, random, redeem, redemption, refresh, request, setupAdmin, signIn, token, userinfo,
  type Client, type Person,
} from '../harness/flows.ts'
import { form } from '../harness/http.ts'
import { subject, test } from '../harness/test.ts'

const op = subject()
const CB = 'http://127.0.0.1:9/callback'
let admin: Person
let client: Client
let other: Client
let publicClient: Client

const make = async (fields: Record<string, unknown> = {}) =>
  createClient(await signIn(op, admin.authenticator), { callbackURLs: [CB, `${CB}/2`], skipConsent: true, ...fields })
const fresh = async () => ({ browser: await signIn(op, admin.authenticator), authenticator: admin.authenticator })

test('set-up of the clients', async () => {
  admin = await setupAdmin(op)
  client = await make()
  other = await make()
  publicClient = await make({ isPublic: true })
})

test('a code becomes an access token, an ID token and a refresh token', async () => {
  const one = await fresh()
  const me = (await one.browser.json('GET', '/api/users/me')).json()
  const grant = await getCode(one, client, { scope: 'openid profile email groups' })
  const answer = await redeem(op, grant)
  assert.equal(answer.status, 200, answer.text)
  const tokens = answer.json()
  assert.deepEqual(Object.keys(tokens).sort(), ['access_token', 'expires_in', 'id_token', 'refresh_token', 'scope', 'token_type'])
  assert.equal(tokens.token_type.toLowerCase(), 'bearer')
  assert.equal(tokens.expires_in, 3600)
  assert.deepEqual(tokens.scope.split(' ').sort(), ['email', 'groups', 'openid', 'profile'])

  const keys = (await op.send({ path: '/.well-known/jwks.json' })).json().keys
  const verify = (jwt: string) => {
    const { header } = decodeJwt(jwt)
    const jwk = keys.find((k: any) => k.kid === header.kid)
    const [h, p, s] = jwt.split('.')
    return crypto.verify('sha256', Buffer.from(`${h}.${p}`), crypto.createPublicKey({ key: jwk, format: 'jwk' }), Buffer.from(s!, 'base64url'))
  }
  assert.equal(verify(tokens.id_token), true)
  assert.equal(verify(tokens.access_token), true)

  const id = decodeJwt(tokens.id_token)
  assert.equal(id.header.alg, 'RS256')
  assert.equal(id.header.typ, 'JWT')
  assert.equal(id.payload.iss, op.url)
  assert.equal(id.payload.sub, me.id)
  assert.deepEqual([id.payload.aud].flat(), [client.id])
  assert.equal(id.payload.exp - id.payload.iat, 3600)
  assert.equal(id.payload.nonce, grant.request.nonce)
  assert.ok(id.payload.auth_time <= id.payload.iat)
  assert.deepEqual(id.payload.amr, ['phr', 'swk'])
  assert.equal(id.payload.acr, 'phr')
  const half = crypto.createHash('sha256').update(tokens.access_token).digest().subarray(0, 16)
  assert.equal(id.payload.at_hash, half.toString('base64url'))
  assert.equal(id.payload.preferred_username, 'ada')
  assert.equal(id.payload.email, 'ada@example.com')
  assert.equal(id.payload.email_verified, false)
  assert.deepEqual(id.payload.groups, [])

  const access = decodeJwt(tokens.access_token)
  assert.equal(access.header.typ, 'at+jwt')
  assert.equal(access.payload.iss, op.url)
  assert.equal(access.payload.sub, me.id)
  assert.equal(access.payload.client_id, client.id)
  assert.ok([access.payload.aud].flat().includes(op.url))
  assert.equal(access.payload.exp - access.payload.iat, 3600)
  assert.equal(access.payload.scope, tokens.scope)
  assert.ok(access.payload.jti)
  for (const claim of ['email', 'name', 'preferred_username']) assert.equal(access.payload[claim], undefined, 'no person in the access token')
})

test('without openid there is no ID token', async () => {
  const { grant, ...tokens } = await getTokens(op, await fresh(), client, { scope: 'profile' })
  assert.equal(tokens.id_token, undefined)
  assert.equal(tokens.scope, 'profile')
  assert.ok(grant.code)
})

test('the lifetimes of a client are used', async () => {
  const short = await make({ accessTokenDurationMinutes: 5, refreshTokenDurationMinutes: 10 })
  const tokens = await getTokens(op, await fresh(), short)
  assert.equal(tokens.expires_in, 300)
  // A minute of clock skew is granted.
  await op.advance(361)
  assert.equal((await userinfo(op, tokens.access_token)).status, 401)
  await op.advance(240)
  assertOAuthError(await refresh(op, short, tokens.refresh_token), 400, 'invalid_grant')
})

test('client authentication by Basic, by post and by none', async () => {
  const by = async (fields: Record<string, string>, headers: Record<string, string>, c = client) => {
    const grant = await getCode(await fresh(), c)
    return token(op, undefined, { ...redemption(grant), ...fields }, headers)
  }
  assert.equal((await by({}, { authorization: basic(client.id, client.secret!) })).status, 200)
  assert.equal((await by({ client_id: client.id }, { authorization: basic(client.id, client.secret!) })).status, 200)
  assert.equal((await by({ client_id: client.id, client_secret: client.secret! }, {})).status, 200)
  assert.equal((await by({ client_id: publicClient.id }, {}, publicClient)).status, 200)
  assertOAuthError(await by({ client_id: client.id }, {}), 401, 'invalid_client')
})

test('s17 Basic values are form-decoded', async () => {
  const browser = await signIn(op, admin.authenticator)
  const odd = await make({ id: 'my.app-1_x' })
  const secret = 'p@ss:w+rd%20&=" \\~{}|'
  const made = await browser.json('POST', `/api/oidc/clients/${odd.id}/secrets`, { secret })
  assert.equal(made.status, 201, made.text)
  const grant = await getCode(await fresh(), odd)
  const raw = `Basic ${Buffer.from(`${odd.id}:${secret}`).toString('base64')}`
  assertOAuthError(await token(op, undefined, redemption(grant), { authorization: raw }), 401, 'invalid_client')
  assert.equal((await token(op, undefined, redemption(grant), { authorization: basic(odd.id, secret) })).status, 200)
})

test('s17 a wrong secret and an unknown client get the same answer, and the code stays whole', async () => {
  const grant = await getCode(await fresh(), client)
  const attempts = [
    basic(client.id, 'x'.repeat(32)),
    basic('no-such-client', 'x'.repeat(32)),
    basic(client.id, ''),
    basic(client.id, client.secret!.slice(0, -1)),
    basic(client.id, `${client.secret!}x`),
  ]
  const bodies = new Set<string>()
  for (const authorization of attempts) {
    const answer = await token(op, undefined, redemption(grant), { authorization })
    assertOAuthError(answer, 401, 'invalid_client')
    assert.match(answer.header('www-authenticate') ?? '', /^Basic/)
    bodies.add(answer.text)
  }
  for (const fields of [{ client_id: client.id, client_secret: 'wrong-wrong-wrong' }, { client_id: 'no-such-client', client_secret: 'x' }, { client_id: 'no-such-client' }, { client_id: client.id }]) {
    const answer = await token(op, undefined, { ...redemption(grant), ...fields })
    assertOAuthError(answer, 401, 'invalid_client')
    bodies.add(answer.text)
  }
  assert.equal(bodies.size, 1, [...bodies].join('\n'))
  assert.equal((await redeem(op, grant)).status, 200)
})

test('s17 an expired or deleted secret is refused, several live ones work', async () => {
  const browser = await signIn(op, admin.authenticator)
  const c = await make()
  const url = `/api/oidc/clients/${c.id}/secrets`
  const now = decodeJwt((await getTokens(op, await fresh(), client)).id_token).payload.iat as number
  const second = (await browser.json('POST', url, { expiresAt: new Date((now + 120) * 1000).toISOString() })).json()
  const tries = async (secret: string) => token(op, undefined, redemption(await getCode(await fresh(), c)), { authorization: basic(c.id, secret) })
  assert.equal((await tries(c.secret!)).status, 200)
  assert.equal((await tries(second.secret)).status, 200)
  await op.advance(121)
  assertOAuthError(await tries(second.secret), 401, 'invalid_client')
  assert.equal((await tries(c.secret!)).status, 200)
  const list = (await browser.json('GET', url)).json()
  const first = list.find((s: any) => s.id !== second.id)
  assert.equal((await browser.json('DELETE', `${url}/${first.id}`)).status, 204)
  assertOAuthError(await tries(c.secret!), 401, 'invalid_client')
})

test('s17 two ways of authenticating in one request are refused', async () => {
  const grant = await getCode(await fresh(), client)
  const authorization = basic(client.id, client.secret!)
  assertOAuthError(await token(op, undefined, { ...redemption(grant), client_id: client.id, client_secret: client.secret! }, { authorization }), 400, 'invalid_request')
  assertOAuthError(await token(op, undefined, { ...redemption(grant), client_secret: client.secret! }, { authorization }), 400, 'invalid_request')
  const twice = await token(op, undefined, { ...redemption(grant), client_id: other.id }, { authorization })
  assert.ok([400, 401].includes(twice.status) && ['invalid_request', 'invalid_client'].includes(twice.json().error), twice.text)
  assert.equal((await redeem(op, grant)).status, 200)
})

test('s17 POST and form only, nothing from the query', async () => {
  const grant = await getCode(await fresh(), client)
  const authorization = basic(client.id, client.secret!)
  const fields = redemption(grant) as Record<string, string>
  for (const method of ['GET', 'PUT', 'PATCH', 'DELETE']) {
    const answer = await op.send({ method, path: `/api/oidc/token?${form(fields)}`, headers: { authorization } })
    assert.equal(answer.status, 405, method)
    assert.match(answer.header('allow') ?? '', /POST/)
  }
  const type = 'application/x-www-form-urlencoded'
  const inQuery = await op.send({ method: 'POST', path: `/api/oidc/token?${form(fields)}`, headers: { authorization, 'content-type': type }, body: '' })
  assertOAuthError(inQuery, 400, 'invalid_request')
  const inBoth = await op.send({ method: 'POST', path: `/api/oidc/token?code=${grant.code}`, headers: { authorization, 'content-type': type }, body: form(fields) })
  assertOAuthError(inBoth, 400, 'invalid_request')
  for (const [contentType, body] of [['application/json', JSON.stringify(fields)], ['text/plain', form(fields)], ['multipart/form-data; boundary=x', '--x--'], [undefined, form(fields)]] as const) {
    assertOAuthError(await op.send({ method: 'POST', path: '/api/oidc/token', headers: { authorization, 'content-type': contentType }, body }), 400, 'invalid_request')
  }
  const charset = await op.send({ method: 'POST', path: '/api/oidc/token', headers: { authorization, 'content-type': `${type}; charset=UTF-8` }, body: form(fields) })
  assert.equal(charset.status, 200, charset.text)
})

test('s17 answers are not stored anywhere', async () => {
  const answer = await redeem(op, await getCode(await fresh(), client))
  assert.equal(answer.header('cache-control'), 'no-store')
  assert.match(answer.header('content-type') ?? '', /^application\/json/)
})

test('s05 duplicated token parameters are refused and the code stays whole', async () => {
  const grant = await getCode(await fresh(), client)
  const fields = Object.entries(redemption(grant) as Record<string, string>)
  for (const [name, value] of fields) {
    for (const pair of [[value, value], [value, 'x'], ['x', value]]) {
      const body = form([...fields.filter(([n]) => n !== name), [name, pair[0]!], [name, pair[1]!]])
      const answer = await op.send({ method: 'POST', path: '/api/oidc/token', headers: { authorization: basic(client.id, client.secret!), 'content-type': 'application/x-www-form-urlencoded' }, body })
      assertOAuthError(answer, 400, 'invalid_request')
    }
  }
  assert.equal((await redeem(op, grant)).status, 200)
})

test('grant types that are not served are unsupported', async () => {
  for (const grant_type of ['password', 'implicit', 'AUTHORIZATION_CODE']) {
    assertOAuthError(await token(op, client, { grant_type, username: 'ada', password: 'x' }), 400, 'unsupported_grant_type')
  }
  assertOAuthError(await token(op, client, {}), 400, 'invalid_request')
  assertOAuthError(await token(op, client, { grant_type: 'authorization_code' }), 400, 'invalid_request')
  assertOAuthError(await token(op, client, { grant_type: 'refresh_token' }), 400, 'invalid_request')
  assertOAuthError(await token(op, client, { grant_type: 'authorization_code', code: 'garbage', redirect_uri: CB }), 400, 'invalid_grant')
  assertOAuthError(await token(op, client, { grant_type: 'refresh_token', refresh_token: 'garbage' }), 400, 'invalid_grant')
})

test('s14 code is bound to client, redirect_uri, verifier and 60 seconds, each alone and together', async () => {
  const faults = ['client', 'redirect', 'verifier', 'time'] as const
  const wrong: string[] = []
  for (let mask = 1; mask < 16; mask++) {
    const active = faults.filter((_, i) => mask & (1 << i))
    const grant = await getCode(await fresh(), client)
    if (active.includes('time')) await op.advance(61)
    const answer = await token(op, active.includes('client') ? other : client, {
      ...redemption(grant),
      ...(active.includes('redirect') ? { redirect_uri: `${CB}/2` } : {}),
      ...(active.includes('verifier') ? { code_verifier: random() } : {}),
    })
    if (answer.status !== 400 || answer.json().error !== 'invalid_grant') wrong.push(`${active.join('+')}: ${answer.status} ${answer.text.slice(0, 100)}`)
  }
  assert.deepEqual(wrong, [])
})

test('s14 a code still works after 59 seconds', async () => {
  const grant = await getCode(await fresh(), client)
  await op.advance(58)
  assert.equal((await redeem(op, grant)).status, 200)
})

test('s14 redirect_uri and verifier are required when they were sent, and must be whole', async () => {
  const grant = await getCode(await fresh(), client)
  for (const changes of [{ redirect_uri: undefined }, { redirect_uri: `${CB}/` }, { redirect_uri: CB.toUpperCase() }, { code_verifier: undefined }, { code_verifier: 'short' }, { code_verifier: `${grant.request.verifier}x` }, { code_verifier: 'ü'.repeat(43) }]) {
    const answer = await redeem(op, grant, changes)
    assert.equal(answer.status, 400, JSON.stringify(changes))
    assert.ok(['invalid_grant', 'invalid_request'].includes(answer.json().error), answer.text)
  }
  assert.equal((await redeem(op, grant)).status, 200, 'a failed try does not use the code up')
})

test('s14 code is single use: 50 parallel redemptions give exactly one success', async () => {
  const grant = await getCode(await fresh(), client)
  const answers = await Promise.all(Array.from({ length: 50 }, () => redeem(op, grant)))
  assert.equal(answers.filter((a) => a.status === 200).length, 1, answers.map((a) => a.status).join())
  for (const a of answers.filter((x) => x.status !== 200)) assertOAuthError(a, 400, 'invalid_grant')
})

test('s15 using a code twice revokes what it gave', async () => {
  const tokens = await getTokens(op, await fresh(), client)
  assert.equal((await userinfo(op, tokens.access_token)).status, 200)
  assertOAuthError(await redeem(op, tokens.grant), 400, 'invalid_grant')
  assert.equal((await userinfo(op, tokens.access_token)).status, 401)
  assertOAuthError(await refresh(op, client, tokens.refresh_token), 400, 'invalid_grant')
})

test('s15 a used code presented wrongly revokes nothing', async () => {
  const tokens = await getTokens(op, await fresh(), client)
  assertOAuthError(await token(op, other, redemption(tokens.grant)), 400, 'invalid_grant')
  assertOAuthError(await token(op, publicClient, redemption(tokens.grant)), 400, 'invalid_grant')
  assertOAuthError(await redeem(op, tokens.grant, { code_verifier: random() }), 400, 'invalid_grant')
  assertOAuthError(await redeem(op, tokens.grant, { redirect_uri: `${CB}/2` }), 400, 'invalid_grant')
  assertOAuthError(await token(op, undefined, redemption(tokens.grant), { authorization: basic(client.id, 'wrong-wrong-wrong') }), 401, 'invalid_client')
  const cut = { ...tokens.grant, code: tokens.grant.code.slice(0, -1) }
  assertOAuthError(await redeem(op, cut), 400, 'invalid_grant')
  assert.equal((await userinfo(op, tokens.access_token)).status, 200)
  assert.equal((await refresh(op, client, tokens.refresh_token)).status, 200)
})

test('s14 a code of a person who was disabled is worth nothing', async () => {
  const grant = await getCode(await fresh(), client)
  await op.sql("UPDATE users SET disabled = 1 WHERE username = 'ada'")
  try {
    assertOAuthError(await redeem(op, grant), 400, 'invalid_grant')
  } finally {
    await op.sql("UPDATE users SET disabled = 0 WHERE username = 'ada'")
  }
})

test('s14 a code of a deleted client is worth nothing', async () => {
  const c = await make()
  const grant = await getCode(await fresh(), c)
  assert.equal((await (await signIn(op, admin.authenticator)).json('DELETE', `/api/oidc/clients/${c.id}`)).status, 204)
  assertOAuthError(await redeem(op, grant), 401, 'invalid_client')
})

test('s62 answers to the browser never carry tokens', async () => {
  const one = await fresh()
  for (const response_type of ['token', 'id_token', 'id_token token', 'code token', 'none']) {
    const answer = await one.browser.get(authorizePath(request(client, { response_type }).params))
    assert.equal(new URL(answer.location).searchParams.get('error'), 'unsupported_response_type', response_type)
    assert.ok(!answer.location.includes('access_token') && !answer.location.includes('id_token='))
  }
})
