import assert from 'node:assert/strict'
import {
  assertOAuthError, createClient, decodeJwt, getTokens, refresh, setupAdmin, signIn, token, userinfo, type Client, type Person,
} from '../harness/flows.ts'
import { subject, test } from '../harness/test.ts'

const op = subject()
let admin: Person
let client: Client
let other: Client
let publicClient: Client

const make = async (fields: Record<string, unknown> = {}) => createClient(await signIn(op, admin.authenticator), { skipConsent: true, ...fields })
const fresh = async () => ({ browser: await signIn(op, admin.authenticator), authenticator: admin.authenticator })

test('s16 each refresh gives new tokens for the same person, client, scope and sign-in', async () => {
  admin = await setupAdmin(op)
  client = await make()
  other = await make()
  publicClient = await make({ isPublic: true })
  for (const c of [client, publicClient]) {
    const first = await getTokens(op, await fresh(), c)
    await op.advance(10)
    const answer = await refresh(op, c, first.refresh_token)
    assert.equal(answer.status, 200, answer.text)
    const second = answer.json()
    for (const field of ['access_token', 'refresh_token', 'id_token'] as const) assert.notEqual(second[field], first[field], field)
    assert.equal(second.scope, first.scope)
    const [a, b] = [decodeJwt(first.id_token).payload, decodeJwt(second.id_token).payload]
    for (const claim of ['iss', 'sub', 'auth_time', 'amr', 'email'] as const) assert.deepEqual(b[claim], a[claim], claim)
    assert.deepEqual([b.aud].flat(), [c.id])
    assert.ok(b.iat > a.iat)
    assert.ok(b.nonce === undefined || b.nonce === a.nonce, 'OIDC Core §12.2')
    assert.equal((await userinfo(op, second.access_token)).status, 200)
  }
})

test('s16 a lost answer: the same token again within the grace gives the same successor, without a branch', async () => {
  const first = await getTokens(op, await fresh(), client)
  const a = (await refresh(op, client, first.refresh_token)).json()
  await op.advance(5)
  const again = await refresh(op, client, first.refresh_token)
  assert.equal(again.status, 200, again.text)
  assert.equal(again.json().refresh_token, a.refresh_token)
  const next = await refresh(op, client, a.refresh_token)
  assert.equal(next.status, 200)
  assert.notEqual(next.json().refresh_token, a.refresh_token)
})

test('s16 an old token outside the grace kills the family', async () => {
  const first = await getTokens(op, await fresh(), client)
  const second = (await refresh(op, client, first.refresh_token)).json()
  await op.advance(61)
  assertOAuthError(await refresh(op, client, first.refresh_token), 400, 'invalid_grant')
  assertOAuthError(await refresh(op, client, second.refresh_token), 400, 'invalid_grant')
  assert.equal((await userinfo(op, second.access_token)).status, 401)
  assert.equal((await userinfo(op, first.access_token)).status, 401)
})

test('s16 a token two steps back gives no branch within the grace, and kills the family after it', async () => {
  const first = await getTokens(op, await fresh(), client)
  const second = (await refresh(op, client, first.refresh_token)).json()
  const third = (await refresh(op, client, second.refresh_token)).json()
  assert.equal((await refresh(op, client, first.refresh_token)).json().refresh_token, second.refresh_token)
  assert.equal((await refresh(op, client, second.refresh_token)).json().refresh_token, third.refresh_token)
  await op.advance(61)
  assertOAuthError(await refresh(op, client, first.refresh_token), 400, 'invalid_grant')
  assertOAuthError(await refresh(op, client, third.refresh_token), 400, 'invalid_grant')
})

test('s16 20 at once with one token do not branch the family', async () => {
  const first = await getTokens(op, await fresh(), client)
  const answers = await Promise.all(Array.from({ length: 20 }, () => refresh(op, client, first.refresh_token)))
  assert.deepEqual([...new Set(answers.map((a) => a.status))], [200], answers.map((a) => a.status).join())
  const successors = new Set(answers.map((a) => a.json().refresh_token))
  assert.equal(successors.size, 1, `${successors.size} successors`)
  assert.equal((await refresh(op, client, [...successors][0]!)).status, 200)
})

test('s16 a killed family leaves other families of the same person and client alone', async () => {
  const one = await fresh()
  const a = await getTokens(op, one, client)
  const b = await getTokens(op, one, client)
  await refresh(op, client, a.refresh_token)
  await op.advance(61)
  assertOAuthError(await refresh(op, client, a.refresh_token), 400, 'invalid_grant')
  assert.equal((await refresh(op, client, b.refresh_token)).status, 200)
})

test('s16 another client cannot use a refresh token, nor kill its family', async () => {
  const first = await getTokens(op, await fresh(), client)
  const second = (await refresh(op, client, first.refresh_token)).json()
  assertOAuthError(await refresh(op, other, second.refresh_token), 400, 'invalid_grant')
  assertOAuthError(await refresh(op, publicClient, second.refresh_token), 400, 'invalid_grant')
  await op.advance(61)
  assertOAuthError(await refresh(op, other, first.refresh_token), 400, 'invalid_grant')
  assert.equal((await refresh(op, client, second.refresh_token)).status, 200)
})

test('s16 a cut or changed token is refused and harms nobody', async () => {
  const first = await getTokens(op, await fresh(), client)
  const t = first.refresh_token
  for (const bad of [t.slice(0, -1), `${t}x`, t.toUpperCase() === t ? t.toLowerCase() : t.toUpperCase(), ` ${t}`, '']) {
    const answer = await token(op, client, { grant_type: 'refresh_token', refresh_token: bad })
    assert.equal(answer.status, 400)
    assert.equal(answer.json().error, bad === '' ? 'invalid_request' : 'invalid_grant', JSON.stringify(bad))
  }
  assert.equal((await refresh(op, client, t)).status, 200)
})

test('s16 refresh cannot widen the scope', async () => {
  const first = await getTokens(op, await fresh(), client, { scope: 'openid email' })
  const wide = await refresh(op, client, first.refresh_token, { scope: 'openid email groups profile' })
  if (wide.status === 200) assert.deepEqual(wide.json().scope.split(' ').sort(), ['email', 'openid'])
  else assertOAuthError(wide, 400, 'invalid_scope')
  const info = await userinfo(op, wide.status === 200 ? wide.json().access_token : first.access_token)
  assert.equal(info.json().groups, undefined)
})

test('s16 a refresh token ends when its time is over', async () => {
  const short = await make({ refreshTokenDurationMinutes: 2 })
  const first = await getTokens(op, await fresh(), short)
  await op.advance(121)
  assertOAuthError(await refresh(op, short, first.refresh_token), 400, 'invalid_grant')
})

test('s16 after signing out at the provider its tokens are worth nothing', async () => {
  const one = await fresh()
  const tokens = await getTokens(op, one, client)
  const another = await getTokens(op, await fresh(), client)
  assert.equal((await one.browser.post('/logout', {})).status, 200)
  assertOAuthError(await refresh(op, client, tokens.refresh_token), 400, 'invalid_grant')
  assert.equal((await userinfo(op, tokens.access_token)).status, 401)
  assert.equal((await refresh(op, client, another.refresh_token)).status, 200, 'another session lives on')
})

test('s16 a disabled person cannot refresh', async () => {
  const tokens = await getTokens(op, await fresh(), client)
  await op.sql("UPDATE users SET disabled = 1 WHERE username = 'ada'")
  try {
    assertOAuthError(await refresh(op, client, tokens.refresh_token), 400, 'invalid_grant')
    assert.equal((await userinfo(op, tokens.access_token)).status, 401)
  } finally {
    await op.sql("UPDATE users SET disabled = 0 WHERE username = 'ada'")
  }
})

test('s16 after a person leaves the allowed groups a refresh is refused', async () => {
  const c = await make()
  const tokens = await getTokens(op, await fresh(), c)
  await op.sql(`UPDATE clients SET is_group_restricted = 1 WHERE id = '${c.id}'`)
  const answer = await refresh(op, c, tokens.refresh_token)
  assert.ok([400, 403].includes(answer.status), answer.text)
  assert.ok(['access_denied', 'invalid_grant'].includes(answer.json().error), answer.text)
})

test('s16 refresh tokens are stored as hashes only', async () => {
  const tokens = await getTokens(op, await fresh(), client)
  const rows = await op.sql('SELECT token_hash, successor_sealed FROM refresh_tokens')
  assert.ok(rows.length > 0)
  const dump = JSON.stringify(rows)
  assert.ok(!dump.includes(tokens.refresh_token))
  assert.ok(!dump.includes(tokens.refresh_token.slice(-20)))
  assert.ok(!JSON.stringify(await op.sql('SELECT code_hash FROM authorization_codes')).includes(tokens.grant.code.slice(-20)))
})
