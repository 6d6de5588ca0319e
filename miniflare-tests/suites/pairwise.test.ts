// Pairwise subject identifiers (OpenID Connect Core §8).
import assert from 'node:assert/strict'
import { assertApiError, createClient, decodeJwt, delivered, authorize, getTokens, redeem, getCode, refresh, request, setupAdmin, signIn, userinfo, type Client, type Person } from '../harness/flows.ts'
import { subject, test } from '../harness/test.ts'

const op = subject()
let admin: Person
let id: string

const fresh = async () => ({ browser: await signIn(op, admin.authenticator), authenticator: admin.authenticator })
const pairwise = (fields: Record<string, unknown> = {}): Promise<Client> =>
  createClient(admin.browser, { skipConsent: true, metadata: { subject_type: 'pairwise' }, ...fields })
const sub = (jwt: string): string => decodeJwt(jwt).payload.sub

test('50 first uses at once make one salt: everybody gets the same sub', async () => {
  admin = await setupAdmin(op)
  id = (await admin.browser.json('GET', '/api/users/me')).json().id
  const client = await pairwise()
  const grants = await Promise.all(Array.from({ length: 50 }, () => getCode(admin, client)))
  const answers = await Promise.all(grants.map((grant) => redeem(op, grant)))
  const subs = new Set(answers.map((answer) => sub(answer.json().id_token)))
  assert.equal(subs.size, 1)
  assert.equal((await op.sql("SELECT value FROM instance WHERE name = 'pairwise_salt'")).length, 1)
  assert.match([...subs][0]!, /^[A-Za-z0-9_-]{43}$/)
})

test('a pairwise client sees one sub everywhere, and never the account id', async () => {
  const client = await pairwise()
  const tokens = await getTokens(op, await fresh(), client, { scope: 'openid profile email groups' })
  const mine = sub(tokens.id_token)
  assert.notEqual(mine, id)
  assert.equal(sub(tokens.access_token), mine)
  const told = await userinfo(op, tokens.access_token)
  assert.equal(told.json().sub, mine)
  const again = (await refresh(op, client, tokens.refresh_token)).json()
  assert.equal(sub(again.id_token), mine)
  for (const jwt of [tokens.id_token, tokens.access_token]) assert.ok(!JSON.stringify(decodeJwt(jwt).payload).includes(id))
  assert.ok(!told.text.includes(id))
  const open = await createClient(admin.browser, { skipConsent: true })
  assert.equal(sub((await getTokens(op, await fresh(), open)).id_token), id)
})

test('a pairwise id_token_hint is mapped back to who is signed in', async () => {
  const client = await pairwise()
  const one = await fresh()
  const tokens = await getTokens(op, one, client)
  const own = request(client, { prompt: 'none', id_token_hint: tokens.id_token })
  assert.ok(delivered(await authorize(one.browser, own.params), client.redirectUri).code)
  const open = await createClient(admin.browser, { skipConsent: true })
  const other = await getTokens(op, await fresh(), open)
  const foreign = request(client, { prompt: 'none', id_token_hint: other.id_token })
  assert.equal(delivered(await authorize(one.browser, foreign.params), client.redirectUri).error, 'login_required')
  const ended = await one.browser.get(`/api/oidc/end-session?id_token_hint=${tokens.id_token}`)
  assert.equal(ended.status, 303)
  assert.equal(one.browser.session, undefined)
})

test('callbacks of several hosts need a sector_identifier_uri', async () => {
  const body = (callbackURLs: string[], metadata: object) => ({ name: 'Shop', callbackURLs, metadata })
  const two = ['https://a.example/cb', 'https://b.example/cb']
  const wants = { subject_type: 'pairwise' }
  for (const refused of [
    body(two, wants), body([], wants), body(['https://*.a.example/cb'], wants), body(['com.app:/cb'], wants),
    body(two, { ...wants, sector_identifier_uri: 'http://a.example/list' }),
    // nothing answers there
    body(two, { ...wants, sector_identifier_uri: 'https://127.0.0.1:9/list' }),
    body(two.slice(1), { subject_type: 'odd' }),
  ]) assertApiError(await admin.browser.json('POST', '/api/oidc/clients', refused), 400, 'validation_failed')
  assert.equal((await admin.browser.json('POST', '/api/oidc/clients', body(two.slice(1), wants))).status, 201)
})
