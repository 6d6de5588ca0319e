import assert from 'node:assert/strict'
import { Browser, FOREIGN } from '../harness/browser.ts'
import { addPerson, assertApiError, createClient, setupAdmin, signIn, type Person } from '../harness/flows.ts'
import { subject, test } from '../harness/test.ts'

const op = subject()
let admin: Person
let user: Person

const API = '/api/oidc/clients'
const call = (method: string, path: string, body?: unknown, headers = {}) => admin.browser.json(method, path, body, headers)

test('create, read, list, replace, delete', async () => {
  admin = await setupAdmin(op)
  user = await addPerson(op, admin, 'bob')
  const made = await call('POST', API, { name: 'Grafana', description: 'Charts', callbackURLs: ['https://g.example/cb'], logoutCallbackURLs: ['https://g.example/bye'], launchURL: 'https://g.example' })
  assert.equal(made.status, 201, made.text)
  const client = made.json()
  assert.match(client.id, /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
  const defaults = {
    name: 'Grafana', description: 'Charts', callbackURLs: ['https://g.example/cb'], logoutCallbackURLs: ['https://g.example/bye'], launchURL: 'https://g.example',
    isPublic: false, pkceEnabled: false, requiresReauthentication: false, requiresPushedAuthorizationRequests: false, skipConsent: false,
    isGroupRestricted: false, hasLogo: false, hasDarkLogo: false, clientType: 'standard', accessTokenDurationMinutes: 60, refreshTokenDurationMinutes: 43200,
    allowedUserGroups: [],
  }
  for (const [field, value] of Object.entries(defaults)) assert.deepEqual(client[field], value, field)
  assert.deepEqual(client.credentials.secrets, [])
  const read = await call('GET', `${API}/${client.id}`)
  assert.equal(read.status, 200)
  assert.deepEqual(read.json(), client)
  const list = (await call('GET', API)).json()
  assert.deepEqual(list.pagination, { totalPages: 1, totalItems: 1, currentPage: 1, itemsPerPage: 20 })
  assert.equal(list.data[0].id, client.id)
  assert.equal(list.data[0].allowedUserGroupsCount, 0)
  const put = await call('PUT', `${API}/${client.id}`, { name: 'Grafana 2', callbackURLs: ['https://h.example/cb'], isPublic: true })
  assert.equal(put.status, 200, put.text)
  const after = (await call('GET', `${API}/${client.id}`)).json()
  assert.equal(after.name, 'Grafana 2')
  assert.equal(after.description, '', 'PUT replaces all')
  assert.deepEqual(after.logoutCallbackURLs, [])
  assert.equal(after.isPublic, true)
  assert.equal(after.pkceEnabled, true, 'a public client always uses PKCE')
  assert.equal((await call('DELETE', `${API}/${client.id}`)).status, 204)
  assertApiError(await call('GET', `${API}/${client.id}`), 404, 'not_found')
  assertApiError(await call('DELETE', `${API}/${client.id}`), 404, 'not_found')
})

test('meta is for everybody and has nothing secret', async () => {
  const client = await createClient(admin.browser, { name: 'Wiki', description: 'Words', launchURL: 'https://w.example' })
  const meta = await op.send({ path: `${API}/${client.id}/meta` })
  assert.equal(meta.status, 200)
  assert.deepEqual(meta.json(), {
    id: client.id, name: 'Wiki', description: 'Words', hasLogo: false, hasDarkLogo: false, launchURL: 'https://w.example', requiresReauthentication: false, clientType: 'standard',
  })
  assertApiError(await op.send({ path: `${API}/nobody/meta` }), 404, 'not_found')
  const encoded = `~${Buffer.from(client.id).toString('base64url')}`
  assert.equal((await op.send({ path: `${API}/${encoded}/meta` })).json().id, client.id)
})

test('an own id is taken, once', async () => {
  assert.equal((await call('POST', API, { id: 'my.app-1_x', name: 'A', callbackURLs: [] })).json().id, 'my.app-1_x')
  assertApiError(await call('POST', API, { id: 'my.app-1_x', name: 'B', callbackURLs: [] }), 409, 'client_id_already_exists')
  const both = await Promise.all(Array.from({ length: 10 }, () => call('POST', API, { id: 'raced', name: 'R', callbackURLs: [] })))
  assert.deepEqual(both.map((a) => a.status).sort(), [201, ...Array(9).fill(409)])
})

test('secrets are shown once and stored as hashes', async () => {
  const { id } = (await call('POST', API, { name: 'S', callbackURLs: [] })).json()
  const url = `${API}/${id}/secrets`
  const made = await call('POST', url, {})
  assert.equal(made.status, 201)
  const secret = made.json()
  assert.match(secret.secret, /^[A-Za-z0-9_-]{32,}$/)
  assert.equal(secret.prefix, secret.secret.slice(0, 4))
  assert.equal(secret.isActive, true)
  assert.equal(secret.expiresAt, null)
  const own = await call('POST', url, { secret: 'my own secret 1234567890' })
  assert.equal(own.status, 201, own.text)
  for (const path of [url, `${API}/${id}`, API]) {
    const text = (await call('GET', path)).text
    assert.ok(!text.includes(secret.secret) && !text.includes('my own secret'), path)
  }
  const list = (await call('GET', url)).json()
  assert.deepEqual(list.map((s: any) => Object.keys(s).sort()), Array(2).fill(['createdAt', 'expiresAt', 'id', 'isActive', 'prefix']))
  const stored = JSON.stringify(await op.sql('SELECT secret_hash FROM client_secrets'))
  assert.ok(!stored.includes(secret.secret))
  assert.equal((await call('DELETE', `${url}/${secret.id}`)).status, 204)
  assertApiError(await call('DELETE', `${url}/${secret.id}`), 404, 'not_found')
  assert.equal((await call('GET', url)).json().length, 1)
})

test('a secret made without a body', async () => {
  const { id } = (await call('POST', API, { name: 'S', callbackURLs: [] })).json()
  assert.equal((await call('POST', `${API}/${id}/secrets`)).status, 201)
})

test('limits of secrets', async () => {
  const { id } = (await call('POST', API, { name: 'S', callbackURLs: [] })).json()
  const url = `${API}/${id}/secrets`
  assert.equal((await call('POST', url, { secret: 'too short' })).status, 400)
  assert.equal((await call('POST', url, { secret: 'nicht ASCII, aber lang genug: ü' })).status, 400)
  assert.equal((await call('POST', url, { expiresAt: '2001-01-01T00:00:00Z' })).status, 400)
  assert.equal((await call('POST', url, { expiresAt: 'tomorrow' })).status, 400)
  for (let i = 0; i < 20; i++) assert.equal((await call('POST', url, {})).status, 201)
  assert.equal((await call('POST', url, {})).status, 400, 'the 21st')
  const open = (await call('POST', API, { name: 'P', callbackURLs: [], isPublic: true })).json()
  assert.equal((await call('POST', `${API}/${open.id}/secrets`, {})).status, 400, 'a public client has none')
  assertApiError(await call('POST', `${API}/nobody/secrets`, {}), 404, 'not_found')
})

test('validation names the field and the code', async () => {
  const bad: [Record<string, unknown>, string, string][] = [
    [{ callbackURLs: [] }, 'name', 'required'],
    [{ name: '', callbackURLs: [] }, 'name', 'required'],
    [{ name: 'x'.repeat(51), callbackURLs: [] }, 'name', 'too_long'],
    [{ name: 'x', description: 'x'.repeat(151), callbackURLs: [] }, 'description', 'too_long'],
    [{ name: 'x', callbackURLs: ['javascript:alert(1)'] }, 'callbackURLs', 'callback_url_pattern'],
    [{ name: 'x', callbackURLs: ['no-scheme'] }, 'callbackURLs', 'callback_url_pattern'],
    [{ name: 'x', callbackURLs: [], logoutCallbackURLs: ['data:x'] }, 'logoutCallbackURLs', 'callback_url_pattern'],
    [{ name: 'x', callbackURLs: [], launchURL: 'not a url' }, 'launchURL', 'invalid_format'],
    [{ name: 'x', callbackURLs: [], id: 'x' }, 'id', 'too_short'],
    [{ name: 'x', callbackURLs: [], id: 'x'.repeat(129) }, 'id', 'too_long'],
    [{ name: 'x', callbackURLs: [], id: 'a/b' }, 'id', 'client_id'],
    [{ name: 'x', callbackURLs: [], accessTokenDurationMinutes: 525601 }, 'accessTokenDurationMinutes', 'token_duration'],
    [{ name: 'x', callbackURLs: [], refreshTokenDurationMinutes: -1 }, 'refreshTokenDurationMinutes', 'token_duration'],
  ]
  const wrong: string[] = []
  for (const [body, field, code] of bad) {
    const answer = await call('POST', API, body)
    const found = answer.status === 400 ? answer.json().details?.fields?.[0] : undefined
    const name = typeof found?.field === 'string' ? found.field.replace(/\[\d+\]$/, '') : undefined
    if (answer.status !== 400 || answer.json().code !== 'validation_failed' || name !== field || found.code !== code) wrong.push(`${JSON.stringify(body).slice(0, 80)}: ${answer.status} ${answer.text.slice(0, 200)}`)
  }
  assert.deepEqual(wrong, [])
})

test('bodies that are not JSON objects are refused', async () => {
  for (const [body, type] of [['{', 'application/json'], ['', 'application/json'], ['[]', 'application/json'], ['null', 'application/json'], ['"x"', 'application/json'], ['{"name":1}', 'application/json'], ['{"name":"x","callbackURLs":"x"}', 'application/json'], ['{"name":"x","callbackURLs":[]}', 'text/plain'], ['name=x', 'application/x-www-form-urlencoded'], ['\ufeff{"name":"x"', 'application/json']] as const) {
    assertApiError(await call('POST', API, body, { 'content-type': type }), 400, 'invalid_request_body')
  }
  assert.equal((await call('POST', API, '{"name":"x","callbackURLs":[]}', { 'content-type': 'application/vnd.x+json' })).status, 201)
  assert.equal((await call('POST', API, '{"name":"x","callbackURLs":[]}', { 'content-type': 'application/json; charset=utf-8' })).status, 201)
})

test('names are normalised to NFC', async () => {
  assert.equal((await call('POST', API, { name: 'Cafe\u0301', callbackURLs: [] })).json().name, 'Caf\u00e9')
})

test('search, sort, pages', async () => {
  for (const name of ['zeta', 'Alpha', 'beta']) await call('POST', API, { name: `list-${name}`, callbackURLs: [] })
  const names = async (query: string) => (await call('GET', `${API}?${query}`)).json().data.map((c: any) => c.name)
  assert.deepEqual((await names('search=list-&sort[column]=name&sort[direction]=asc')).map((n: string) => n.toLowerCase()), ['list-alpha', 'list-beta', 'list-zeta'])
  assert.deepEqual((await names('search=list-&sort[column]=name&sort[direction]=desc')).map((n: string) => n.toLowerCase()), ['list-zeta', 'list-beta', 'list-alpha'])
  assert.deepEqual(await names('search=LIST-ALPHA'), ['list-Alpha'])
  assert.deepEqual(await names('search=nothing-like-it'), [])
  assert.deepEqual(await names(`search=${encodeURIComponent('%')}`), [], '% is a letter here, not a wildcard')
  const page = (await call('GET', `${API}?search=list-&sort[column]=name&pagination[page]=2&pagination[limit]=2`)).json()
  assert.deepEqual(page.pagination, { totalPages: 2, totalItems: 3, currentPage: 2, itemsPerPage: 2 })
  assert.equal(page.data.length, 1)
  assert.equal((await call('GET', `${API}?search=list-&pagination[page]=99&pagination[limit]=2`)).json().pagination.currentPage, 2, 'clamped to the last page')
  assert.equal((await call('GET', `${API}?pagination[limit]=100000`)).json().pagination.itemsPerPage, 100)
  assert.equal((await call('GET', `${API}?pagination[limit]=0`)).json().pagination.itemsPerPage, 20)
  assert.equal((await call('GET', `${API}?pagination[page]=-5`)).json().pagination.currentPage, 1)
  assert.equal((await call('GET', `${API}?sort[column]=secret_hash;DROP&filters[x]=y`)).status, 200, 'unknown columns are ignored')
  assert.equal((await call('GET', `${API}?search=nothing-like-it`)).json().pagination.totalPages, 1)
})

test('s48 every management route: anonymous 401, user 403, admin 2xx', async () => {
  const client = await createClient(admin.browser)
  const secret = (await call('POST', `${API}/${client.id}/secrets`, {})).json()
  const routes: [string, string, unknown, number][] = [
    ['GET', API, undefined, 200],
    ['GET', `${API}/${client.id}`, undefined, 200],
    ['GET', `${API}/${client.id}/secrets`, undefined, 200],
    ['POST', API, { name: 'x', callbackURLs: [] }, 201],
    ['PUT', `${API}/${client.id}`, { name: 'x', callbackURLs: [] }, 200],
    ['POST', `${API}/${client.id}/secrets`, {}, 201],
    ['DELETE', `${API}/${client.id}/secrets/${secret.id}`, undefined, 204],
    ['DELETE', `${API}/${client.id}`, undefined, 204],
  ]
  for (const [method, path, body, status] of routes) {
    assertApiError(await new Browser(op).json(method, path, body), 401, 'not_signed_in')
    assertApiError(await user.browser.json(method, path, body), 403, 'forbidden')
    const answer = await call(method, path, body)
    assert.equal(answer.status, status, `${method} ${path}: ${answer.text}`)
  }
  assert.equal((await user.browser.json('GET', '/api/users/me')).json().isAdmin, false)
})

test('s48 fields that are not for the caller change nothing', async () => {
  const made = (await call('POST', API, { name: 'x', callbackURLs: [], credentials: { secrets: [{ id: 'x', hash: 'y' }] }, hasLogo: true, clientType: 'cimd', createdAt: '2001-01-01T00:00:00Z', createdById: 'x', isAdmin: true })).json()
  assert.deepEqual(made.credentials.secrets, [])
  assert.equal(made.hasLogo, false)
  assert.equal(made.clientType, 'standard')
})

test('s40 the API with a cookie refuses foreign origins for what changes something', async () => {
  const client = await createClient(admin.browser)
  for (const headers of FOREIGN) {
    for (const [method, path, body] of [['POST', API, { name: 'x', callbackURLs: [] }], ['PUT', `${API}/${client.id}`, { name: 'y', callbackURLs: [] }], ['DELETE', `${API}/${client.id}`, undefined], ['POST', `${API}/${client.id}/secrets`, {}]] as const) {
      const answer = await call(method, path, body, headers)
      assert.equal(answer.status, 403, `${method} ${JSON.stringify(headers)}`)
    }
  }
  assert.equal((await call('GET', `${API}/${client.id}`)).json().name, 'Test app')
})

test('s48 a user without the admin flag loses the API at once', async () => {
  const browser = await signIn(op, admin.authenticator)
  assert.equal((await browser.json('GET', API)).status, 200)
  await op.sql("UPDATE users SET is_admin = 0 WHERE username = 'ada'")
  try {
    assertApiError(await browser.json('GET', API), 403, 'forbidden')
  } finally {
    await op.sql("UPDATE users SET is_admin = 1 WHERE username = 'ada'")
  }
})
