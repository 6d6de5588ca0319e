// The steps that tests are made of: set-up, sign-in, clients, authorization, tokens.
import assert from 'node:assert/strict'
import crypto from 'node:crypto'
import { Authenticator, type Knobs } from './authenticator.ts'
import { Browser, type Site } from './browser.ts'
import { forms, passkeyForm, step, type Control } from './html.ts'
import { form, send, type Answer, type Headers } from './http.ts'
import type { Op } from './subject.ts'

/** A signed-in person with their browser and authenticator. */
export interface Person {
  browser: Browser
  authenticator: Authenticator
  username: string
}

/** A registered client as the tests use it. */
export interface Client {
  id: string
  secret: string | undefined
  redirectUri: string
}

/** Fills the page's passkey form with an authenticator's answer and submits it. */
export function answerPasskey(
  browser: Browser,
  page: string,
  authenticator: Authenticator,
  knobs: Knobs = {},
  fields: Record<string, string | undefined> = {},
): Promise<Answer> {
  const asked = passkeyForm(page)
  const response =
    asked.ceremony === 'create' ? authenticator.create(asked.options, knobs) : authenticator.get(asked.options, knobs)
  return browser.post(asked.action, { ...asked.fields, response: JSON.stringify(response), ...fields })
}

/** What the set-up form asks for. */
export const ADMIN = { username: 'ada', email: 'ada@example.com', firstName: 'Ada', lastName: 'Lovelace' }

/** Makes the first admin, signed in. */
export async function setupAdmin(op: Site, alg?: Knobs['alg']): Promise<Person> {
  const browser = new Browser(op)
  const authenticator = new Authenticator(op.url)
  const page = await browser.get('/setup')
  assert.equal(page.status, 200, page.text)
  const answer = await answerPasskey(browser, page.text, authenticator, alg === undefined ? {} : { alg }, ADMIN)
  assert.equal(answer.status, 303, answer.text)
  assert.equal(browser.path(answer.location), '/settings/account')
  return { browser, authenticator, username: ADMIN.username }
}

/** Signs in with a fresh browser, or with the one given. */
export async function signIn(op: Site, authenticator: Authenticator, browser = new Browser(op)): Promise<Browser> {
  const page = await browser.get('/login')
  assert.equal(page.status, 200, page.text)
  const answer = await answerPasskey(browser, page.text, authenticator)
  assert.equal(answer.status, 303, answer.text)
  return browser
}

/** Whether this browser is signed in. */
export async function signedIn(browser: Browser): Promise<boolean> {
  const answer = await browser.json('GET', '/api/users/me')
  assert.ok(answer.status === 200 || answer.status === 401, `/api/users/me answered ${answer.status}`)
  return answer.status === 200
}

/**
 * A second, ordinary person. There is no API to make one yet, so a passkey of the admin is added and then handed over to
 * a new row.
 */
export async function addPerson(op: Op, admin: Person, username: string): Promise<Person & { id: string }> {
  const authenticator = new Authenticator(op.url)
  const fresh = await signIn(op, admin.authenticator)
  const page = await fresh.get('/settings/account')
  const added = await answerPasskey(fresh, page.text, authenticator)
  assert.equal(added.status, 303, added.text)
  const me = (await fresh.json('GET', '/api/users/me')).json()
  const id = crypto.randomUUID()
  const credential = authenticator.credentials[0]!
  const asText = Buffer.from(credential.userHandle, 'base64url').toString() === me.id
  const handle = asText ? Buffer.from(id) : Buffer.from(id.replaceAll('-', ''), 'hex')
  await op.sql(
    `INSERT INTO users (id, username, username_folded, email, first_name, last_name, display_name, created_at, updated_at)
     VALUES ('${id}', '${username}', '${username}', '${username}@example.com', 'Bob', 'Babbage', 'Bob Babbage', 1, 1)`,
  )
  await op.sql(`UPDATE passkeys SET user_id = '${id}' WHERE credential_id = '${credential.id.toString('base64url')}'`)
  credential.userHandle = handle.toString('base64url')
  return { id, username, authenticator, browser: await signIn(op, authenticator) }
}

/** Callback of clients that do not name one; nothing listens there, its address is only read. */
export const CALLBACK = 'http://127.0.0.1:9/callback'

/** Registers a client, with a secret unless it is public. */
export async function createClient(admin: Browser, fields: Record<string, unknown> = {}): Promise<Client> {
  const made = await admin.json('POST', '/api/oidc/clients', { name: 'Test app', callbackURLs: [CALLBACK], ...fields })
  assert.equal(made.status, 201, made.text)
  const client = made.json()
  let secret: string | undefined
  if (!client.isPublic) {
    const answer = await admin.json('POST', `/api/oidc/clients/${client.id}/secrets`, {})
    assert.equal(answer.status, 201, answer.text)
    secret = answer.json().secret
  }
  return { id: client.id, secret, redirectUri: client.callbackURLs[0] }
}

/** S256 challenge of a verifier. */
export const challengeOf = (verifier: string): string => crypto.createHash('sha256').update(verifier).digest('base64url')

/** A random verifier, state or nonce. */
export const random = (): string => crypto.randomBytes(32).toString('base64url')

/** An authorization request with the secrets that belong to it. */
export interface Request {
  params: Record<string, string>
  verifier: string
  state: string
  nonce: string
}

/** A correct request; `undefined` takes a parameter out. */
export function request(client: Client, changes: Record<string, string | undefined> = {}): Request {
  const verifier = random()
  const state = random()
  const nonce = random()
  const params: Record<string, string> = {}
  const all: Record<string, string | undefined> = {
    client_id: client.id,
    redirect_uri: client.redirectUri,
    response_type: 'code',
    scope: 'openid profile email',
    state,
    nonce,
    code_challenge: challengeOf(verifier),
    code_challenge_method: 'S256',
    ...changes,
  }
  for (const [name, value] of Object.entries(all)) if (value !== undefined) params[name] = value
  return { params, verifier, state, nonce }
}

/** `/authorize` with these parameters. */
export const authorizePath = (params: Record<string, string> | [string, string][]): string => `/authorize?${form(params)}`

/** Presses the button with this value on a page. */
export function press(browser: Browser, page: string, value: string): Promise<Answer> {
  const pressed = (c: Control) => c.tag === 'button' && c.attributes.value === value
  const around = forms(page).find((f) => f.controls.some(pressed))
  const button = around?.controls.find(pressed)
  const found = button?.attributes.form ? forms(page).find((f) => f.attributes.id === button.attributes.form) : around
  if (!button || !found) throw new Error(`no button ${value} in: ${page.slice(0, 400)}`)
  return browser.post(found.attributes.action ?? '', { ...found.fields, [button.attributes.name ?? '']: value })
}

/** How a person behaves on the way through an interaction. */
export interface Manner {
  authenticator?: Authenticator
  consent?: 'allow' | 'deny'
  /** Called with each step that was shown. */
  seen?: (step: string, page: string) => void
}

const STEPS = ['authenticate', 'reauthenticate', 'select_account', 'consent']

/** Goes on from an answer of `/authorize` until it leaves the OP or stops at a page. */
export async function follow(browser: Browser, first: Answer, manner: Manner = {}): Promise<Answer> {
  let answer = first
  for (let hop = 0; hop < 15; hop++) {
    if (answer.status === 303 || answer.status === 302) {
      if (!browser.owns(answer.location)) return answer
      answer = await browser.get(answer.location)
      continue
    }
    const at = step(answer.text)
    if (at === undefined || !STEPS.includes(at) || answer.status !== 200) return answer
    manner.seen?.(at, answer.text)
    if (at === 'authenticate' || at === 'reauthenticate') {
      if (!manner.authenticator) return answer
      answer = await answerPasskey(browser, answer.text, manner.authenticator)
      assert.equal(answer.status, 303, answer.text)
    } else if (at === 'select_account') answer = await press(browser, answer.text, 'continue')
    else answer = await press(browser, answer.text, manner.consent ?? 'allow')
  }
  throw new Error('the interaction does not end')
}

/** Sends a request to `/authorize` and goes through to the end. */
export async function authorize(browser: Browser, params: Record<string, string>, manner: Manner = {}): Promise<Answer> {
  return follow(browser, await browser.get(authorizePath(params)), manner)
}

/** Every response mode, the signed ones last. */
export const MODES = ['query', 'fragment', 'form_post', 'jwt', 'query.jwt', 'fragment.jwt', 'form_post.jwt']

/** The parameters that an answer hands to a redirect URI, which must be exactly that one. Signed ones are opened, not
 * verified. */
export function delivered(answer: Answer, redirectUri: string, mode = 'query'): Record<string, string> {
  if (mode.endsWith('jwt')) {
    const { response, ...beside } = delivered(answer, redirectUri, mode === 'jwt' ? 'query' : mode.slice(0, -'.jwt'.length))
    assert.deepEqual(beside, {}, 'everything is inside')
    const { aud, exp, ...inside } = decodeJwt(response!).payload
    assert.equal(typeof aud, 'string')
    assert.equal(typeof exp, 'number')
    return inside
  }
  if (mode === 'form_post') {
    assert.equal(answer.status, 200, answer.text)
    const page = forms(answer.text)[0]
    assert.ok(page, `no form in ${answer.text}`)
    assert.equal(page.attributes.action, redirectUri)
    assert.equal(page.attributes.method?.toLowerCase(), 'post')
    return page.fields
  }
  assert.equal(answer.status, 303, answer.text)
  const url = new URL(answer.location)
  const expected = new URL(redirectUri)
  assert.equal(url.protocol + '//' + url.host + url.pathname, expected.protocol + '//' + expected.host + expected.pathname)
  if (mode === 'fragment') {
    assert.equal(url.search, expected.search, 'nothing in the query')
    return Object.fromEntries(new URLSearchParams(url.hash.slice(1)))
  }
  assert.equal(url.hash, '', 'nothing in the fragment')
  return Object.fromEntries(url.searchParams)
}

/** A code with what is needed to redeem it. */
export interface Grant {
  code: string
  request: Request
  client: Client
}

/** Obtains a code. */
export async function getCode(
  person: Pick<Person, 'browser' | 'authenticator'>,
  client: Client,
  changes: Record<string, string | undefined> = {},
): Promise<Grant> {
  const asked = request(client, changes)
  const answer = await authorize(person.browser, asked.params, { authenticator: person.authenticator })
  const params = delivered(answer, client.redirectUri)
  assert.equal(params.error, undefined, params.error_description)
  assert.equal(params.state, asked.params.state)
  assert.ok(params.code)
  return { code: params.code, request: asked, client }
}

/** Header of `client_secret_basic` (RFC 6749 §2.3.1: form-encoded first). */
export function basic(id: string, secret: string): string {
  const encode = (text: string) => new URLSearchParams({ x: text }).toString().slice(2)
  return `Basic ${Buffer.from(`${encode(id)}:${encode(secret)}`).toString('base64')}`
}

/** Calls the token endpoint. A confidential client uses Basic, a public one its `client_id`. */
export function token(op: Site, client: Client | undefined, fields: Record<string, string | undefined>, headers: Headers = {}): Promise<Answer> {
  const auth: Headers = client?.secret === undefined ? {} : { authorization: basic(client.id, client.secret) }
  const id = client && client.secret === undefined ? { client_id: client.id } : {}
  return send(op.peer, {
    method: 'POST',
    path: '/api/oidc/token',
    headers: { 'content-type': 'application/x-www-form-urlencoded', ...auth, ...headers },
    body: form({ ...id, ...fields }),
  })
}

/** The fields that redeem a code. */
export const redemption = (grant: Grant): Record<string, string | undefined> => ({
  grant_type: 'authorization_code',
  code: grant.code,
  redirect_uri: grant.client.redirectUri,
  code_verifier: grant.request.params.code_challenge === undefined ? undefined : grant.request.verifier,
})

/** Redeems a code, with fields changed (undefined takes one out). */
export const redeem = (op: Site, grant: Grant, changes: Record<string, string | undefined> = {}): Promise<Answer> =>
  token(op, grant.client, { ...redemption(grant), ...changes })

/** A successful token answer. */
export interface Tokens {
  access_token: string
  token_type: string
  expires_in: number
  scope: string
  refresh_token: string
  id_token: string
}

/** Code and tokens in one go. */
export async function getTokens(
  op: Site,
  person: Pick<Person, 'browser' | 'authenticator'>,
  client: Client,
  changes: Record<string, string | undefined> = {},
): Promise<Tokens & { grant: Grant }> {
  const grant = await getCode(person, client, changes)
  const answer = await redeem(op, grant)
  assert.equal(answer.status, 200, answer.text)
  return { ...answer.json<Tokens>(), grant }
}

/** Refreshes. */
export const refresh = (op: Site, client: Client, refreshToken: string, fields: Record<string, string> = {}): Promise<Answer> =>
  token(op, client, { grant_type: 'refresh_token', refresh_token: refreshToken, ...fields })

/** Calls userinfo with a bearer token. */
export const userinfo = (op: Site, accessToken: string, headers: Headers = {}): Promise<Answer> =>
  send(op.peer, { path: '/api/oidc/userinfo', headers: { authorization: `Bearer ${accessToken}`, ...headers } })

/** Asserts an RFC 6749 §5.2 error answer. */
export function assertOAuthError(answer: Answer, status: number, error: string): void {
  assert.equal(answer.status, status, answer.text)
  assert.equal(answer.json().error, error, answer.text)
  assert.match(answer.header('content-type') ?? '', /^application\/json/)
  assert.equal(answer.header('cache-control'), 'no-store')
}

/** Asserts an API error answer (error, code, request id). */
export function assertApiError(answer: Answer, status: number, code: string): any {
  assert.equal(answer.status, status, answer.text)
  const body = answer.json()
  assert.equal(body.code, code, answer.text)
  assert.equal(typeof body.error, 'string')
  assert.equal(body.request_id, answer.header('x-request-id'))
  return body
}

/** Asserts an error page that is shown here and sends the person nowhere. */
export function assertErrorPage(answer: Answer, status = 400): void {
  assert.equal(answer.status, status, answer.text)
  assert.equal(answer.headers.location, undefined)
  assert.match(answer.header('content-type') ?? '', /^text\/html/)
}

/** The parts of a JWT, unverified. */
export function decodeJwt(jwt: string): { header: any; payload: any; signature: string } {
  const [header = '', payload = '', signature = ''] = jwt.split('.')
  const read = (part: string) => JSON.parse(Buffer.from(part, 'base64url').toString())
  return { header: read(header), payload: read(payload), signature }
}

/** Builds a JWT from parts, with any signature. */
export const joinJwt = (header: object, payload: object, signature: Uint8Array | string): string =>
  [Buffer.from(JSON.stringify(header)), Buffer.from(JSON.stringify(payload)), Buffer.from(signature)]
    .map((part) => part.toString('base64url'))
    .join('.')
