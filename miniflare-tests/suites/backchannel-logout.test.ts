// OpenID Connect Back-Channel Logout 1.0, with a relying party that listens on this machine.
import assert from 'node:assert/strict'
import { createServer, type Server } from 'node:http'
import { text } from 'node:stream/consumers'
import { after, before } from 'node:test'
import { createLocalJWKSet, jwtVerify, type JWTPayload } from 'jose'
import { Browser } from '../harness/browser.ts'
import {
  addPerson, assertApiError, assertOAuthError, authorizePath, createClient, decodeJwt, getTokens, refresh, request, setupAdmin, signedIn, signIn,
  userinfo, type Client, type Person,
} from '../harness/flows.ts'
import { form } from '../harness/http.ts'
import { subject, test } from '../harness/test.ts'

const op = subject()
let admin: Person

/** What the relying party heard: the path asked and the logout token. */
interface Heard {
  path: string
  type: string | undefined
  token: string
}

let heard: Heard[] = []
let server: Server
let base: string
/** Status by path; `hang` never answers, `huge` never ends. */
const behaviour = new Map<string, number | 'hang' | 'huge'>()

before(async () => {
  server = createServer(async (ask, answer) => {
    const body = new URLSearchParams(await text(ask))
    heard.push({ path: ask.url ?? '', type: ask.headers['content-type'], token: body.get('logout_token') ?? '' })
    assert.equal(ask.method, 'POST')
    const how = behaviour.get(ask.url ?? '') ?? 200
    if (how === 'hang') return
    if (how === 'huge') {
      answer.writeHead(200)
      const chunk = 'x'.repeat(64 * 1024)
      answer.on('error', () => undefined)
      for (let i = 0; i < 16 && !answer.destroyed; i++) answer.write(chunk)
      answer.end()
      return
    }
    answer.writeHead(how, how === 302 ? { location: '/elsewhere' } : {})
    answer.end()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  assert.ok(address && typeof address === 'object')
  base = `http://127.0.0.1:${address.port}`
})
after(() => {
  server.closeAllConnections()
  server.close()
})

let count = 0
/** A client with a logout address of its own. */
async function app(how: number | 'hang' | 'huge' = 200): Promise<Client & { path: string }> {
  const path = `/out/${++count}`
  behaviour.set(path, how)
  const client = await createClient(admin.browser, { skipConsent: true, metadata: { backchannel_logout_uri: `${base}${path}` } })
  return { ...client, path }
}

const person = async () => ({ browser: await signIn(op, admin.authenticator), authenticator: admin.authenticator })
const of = (client: { path: string }) => heard.filter((h) => h.path === client.path)

/** Waits until something is so; deliveries come after the response. */
async function until(what: string, so: () => boolean | Promise<boolean>, ms = 10_000): Promise<void> {
  const end = Date.now() + ms
  while (!(await so())) {
    if (Date.now() > end) throw new Error(`not in ${ms} ms: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

interface Delivery {
  id: string
  userId: string
  sessionId: string
  state: string
  attempts: number
  lastError: string | null
  nextAttemptAt: string | null
  endedAt: string | null
}

async function deliveries(client: Client): Promise<Delivery[]> {
  const answer = await admin.browser.json('GET', `/api/oidc/clients/${client.id}/logout-deliveries`)
  assert.equal(answer.status, 200, answer.text)
  return answer.json().data
}

/** Waits for the one delivery of a client to leave its first state. */
async function outcome(client: Client, ms?: number): Promise<Delivery> {
  await until('a delivery was tried', async () => (await deliveries(client)).some((d) => d.state !== 'pending' || d.lastError !== null), ms)
  const all = await deliveries(client)
  assert.equal(all.length, 1)
  return all[0]!
}

/** Checks a logout token as the specification tells a relying party to (§2.6). */
async function verified(token: string, client: Client): Promise<JWTPayload> {
  const keys = (await op.send({ path: '/.well-known/jwks.json' })).json()
  const { payload, protectedHeader } = await jwtVerify(token, createLocalJWKSet(keys), {
    issuer: op.url,
    audience: client.id,
    typ: 'logout+jwt',
    currentDate: new Date((decodeJwt(token).payload.iat + 1) * 1000),
  })
  assert.equal(protectedHeader.alg, 'RS256')
  assert.deepEqual(payload.events, { 'http://schemas.openid.net/event/backchannel-logout': {} })
  assert.equal('nonce' in payload, false)
  assert.ok(payload.exp! - payload.iat! <= 120)
  assert.ok(payload.jti)
  return payload
}

test('s25 signing out tells every app of the session, with a logout token that holds', async () => {
  admin = await setupAdmin(op)
  const [one, two, unused] = [await app(), await app(204), await app()]
  const someone = await person()
  const tokens = await getTokens(op, someone, one)
  await getTokens(op, someone, one)
  await getTokens(op, someone, two)
  assert.equal((await someone.browser.post('/logout', {})).status, 200)
  await until('both were told', () => of(one).length > 0 && of(two).length > 0)
  assert.deepEqual([of(one).length, of(two).length, of(unused).length], [1, 1, 0])
  const [first, second] = [of(one)[0]!, of(two)[0]!]
  assert.match(first.type ?? '', /^application\/x-www-form-urlencoded/)
  const id = decodeJwt(tokens.id_token).payload
  const said = await verified(first.token, one)
  assert.deepEqual([said.sub, said.sid], [id.sub, id.sid])
  assert.notEqual((await verified(second.token, two)).jti, said.jti)
  const done = await outcome(one)
  assert.deepEqual([done.state, done.attempts, done.lastError, done.userId, done.sessionId], ['delivered', 1, null, id.sub, id.sid])
  // it is no other kind of token
  assert.equal((await userinfo(op, first.token)).status, 401)
  const hinted = await new Browser(op).get(`/api/oidc/end-session?${form({ id_token_hint: first.token })}`)
  assert.equal(new URL(hinted.location, op.url).pathname, '/logout')
  const asked = request(one, { id_token_hint: first.token })
  assert.equal(new URL((await new Browser(op).get(authorizePath(asked.params))).location).searchParams.get('error'), 'invalid_request')
})

test('an app that starts the logout is told too', async () => {
  const client = await app()
  const someone = await person()
  const tokens = await getTokens(op, someone, client)
  await someone.browser.get(`/api/oidc/end-session?${form({ id_token_hint: tokens.id_token })}`)
  await until('it was told', () => of(client).length > 0)
  await verified(of(client)[0]!.token, client)
})

test('s39 whoever ends a session, the apps hear of it and what they hold is worth nothing', async () => {
  const bob = await addPerson(op, admin, 'bob')
  const ways: [string, (sid: string) => Promise<unknown>][] = [
    ['own list', (sid) => bob.browser.json('DELETE', `/api/users/me/sessions/${sid}`, {})],
    ['everywhere else', async () => (await signIn(op, bob.authenticator)).json('DELETE', '/api/users/me/sessions', {})],
    ['an admin, one', (sid) => admin.browser.json('DELETE', `/api/users/${bob.id}/sessions/${sid}`, {})],
    ['an admin, all', () => admin.browser.json('DELETE', `/api/users/${bob.id}/sessions`, {})],
  ]
  for (const [way, end] of ways) {
    const client = await app()
    const one = { browser: await signIn(op, bob.authenticator), authenticator: bob.authenticator }
    bob.browser = one.browser
    const tokens = await getTokens(op, one, client)
    const { sid } = decodeJwt(tokens.id_token).payload
    await end(sid)
    assert.equal(await signedIn(one.browser), false, way)
    assert.equal((await userinfo(op, tokens.access_token)).status, 401, way)
    assertOAuthError(await refresh(op, client, tokens.refresh_token), 400, 'invalid_grant')
    await until(`told, ${way}`, () => of(client).length > 0)
    assert.equal((await verified(of(client)[0]!.token, client)).sid, sid, way)
  }
})

test('what fails is tried again later, with a new token, and the admin sees it', async () => {
  const client = await app(503)
  const someone = await person()
  await getTokens(op, someone, client)
  await someone.browser.post('/logout', {})
  const failed = await outcome(client)
  assert.deepEqual([failed.state, failed.attempts, failed.lastError], ['pending', 1, 'answered 503'])
  assert.ok(failed.nextAttemptAt)
  await op.tick()
  behaviour.set(client.path, 200)
  await op.advance(11)
  await op.tick()
  await until('delivered', async () => (await deliveries(client))[0]!.state === 'delivered')
  assert.equal(of(client).length, 2)
  assert.notEqual(decodeJwt(of(client)[0]!.token).payload.jti, decodeJwt(of(client)[1]!.token).payload.jti)
})

test('a 400 is final until an admin tries again; a redirect is not followed', async () => {
  const client = await app(400)
  const someone = await person()
  await getTokens(op, someone, client)
  await someone.browser.post('/logout', {})
  const failed = await outcome(client)
  assert.deepEqual([failed.state, failed.lastError, failed.nextAttemptAt], ['failed', 'answered 400', null])
  const retry = `/api/oidc/clients/${client.id}/logout-deliveries/${failed.id}/retry`
  behaviour.set(client.path, 302)
  assert.equal((await admin.browser.json('POST', retry, {})).status, 204)
  await until('redirected', async () => (await deliveries(client))[0]!.lastError === 'answered 302')
  assert.equal(heard.some((h) => h.path === '/elsewhere'), false)
  behaviour.set(client.path, 200)
  assert.equal((await admin.browser.json('POST', retry, {})).status, 204)
  await until('delivered', async () => (await deliveries(client))[0]!.state === 'delivered')
  assertApiError(await admin.browser.json('POST', retry, {}), 404, 'not_found')
})

test('a slow app holds nobody up, and counts as failed after five seconds', async () => {
  const [slow, quick] = [await app('hang'), await app()]
  const someone = await person()
  await getTokens(op, someone, slow)
  await getTokens(op, someone, quick)
  const began = Date.now()
  assert.equal((await someone.browser.post('/logout', {})).status, 200)
  await until('the quick one was told', () => of(quick).length > 0)
  assert.ok(Date.now() - began < 4000, `${Date.now() - began} ms`)
  const failed = await outcome(slow, 15_000)
  assert.deepEqual([failed.state, failed.lastError], ['pending', 'timed out'])
})

test('a huge answer is not read to its end', async () => {
  const client = await app('huge')
  const someone = await person()
  await getTokens(op, someone, client)
  await someone.browser.post('/logout', {})
  const failed = await outcome(client)
  assert.deepEqual([failed.state, failed.lastError], ['pending', 'answer too large'])
})

test('s50 an app that nobody here has entered is not sent to private addresses', async () => {
  const client = await app()
  const someone = await person()
  await getTokens(op, someone, client)
  await op.sql(`UPDATE clients SET client_type = 'dynamic' WHERE id = '${client.id}'`)
  await someone.browser.post('/logout', {})
  const failed = await outcome(client)
  assert.deepEqual([failed.state, failed.lastError], ['pending', 'target not allowed'])
  assert.deepEqual(of(client), [])
})

test('s61 50 sign-outs and 50 ticks at once deliver one token', async () => {
  const client = await app()
  const someone = await person()
  await getTokens(op, someone, client)
  const copies = Array.from({ length: 50 }, () => {
    const browser = new Browser(op)
    for (const [name, cookie] of someone.browser.jar.cookies) browser.jar.cookies.set(name, { ...cookie })
    return browser
  })
  const answers = await Promise.all(copies.map((browser) => browser.post('/logout', {})))
  assert.deepEqual([...new Set(answers.map((a) => a.status))], [200])
  await until('delivered', async () => (await deliveries(client)).some((d) => d.state === 'delivered'))
  assert.deepEqual([of(client).length, (await deliveries(client)).length], [1, 1])
  // and a delivery that is due
  await op.sql(`UPDATE logout_deliveries SET state = 'pending', next_attempt_at = 0 WHERE client_id = '${client.id}'`)
  await Promise.all(Array.from({ length: 50 }, () => op.tick()))
  await until('delivered', async () => (await deliveries(client))[0]!.state === 'delivered')
  assert.equal(of(client).length, 2)
  assert.equal((await deliveries(client))[0]!.attempts, 2)
})

test('deliveries are for admins, and nothing about them leaks', async () => {
  const client = await app()
  const path = `/api/oidc/clients/${client.id}/logout-deliveries`
  assertApiError(await new Browser(op).json('GET', path), 401, 'not_signed_in')
  const carol = await addPerson(op, admin, 'carol')
  assertApiError(await carol.browser.json('GET', path), 403, 'forbidden')
  assertApiError(await admin.browser.json('GET', '/api/oidc/clients/none/logout-deliveries'), 404, 'not_found')
  const log = op.log()
  for (const { token } of heard) assert.equal(log.includes(token.split('.')[2]!), false, 'a logout token in the log')
  assert.equal(log.includes('/out/'), false, 'an address in the log')
})

test('logout addresses are checked when they are registered', async () => {
  for (const metadata of [
    { backchannel_logout_uri: 'javascript:alert(1)' },
    { backchannel_logout_uri: 'https://app.example/#x' },
    { frontchannel_logout_uri: 'https://evil.example/out' },
  ]) {
    const answer = await admin.browser.json('POST', '/api/oidc/clients', { name: 'A', callbackURLs: ['https://app.example/cb'], metadata })
    assertApiError(answer, 400, 'validation_failed')
  }
})
