// The table of mutated callback addresses that the unit tests know, sent over HTTP; Node's URL is the second parser.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { authorizePath, createClient, request, setupAdmin, type Client } from '../harness/flows.ts'
import { form } from '../harness/http.ts'
import { subject, test } from '../harness/test.ts'

const op = subject()

interface Table {
  patterns: Record<string, string>
  authorities: string[]
  paths: string[]
  others: string[]
  accepted: Record<string, Record<string, string>>
}
const table = JSON.parse(readFileSync(new URL('../../shared/proto/src/uri/mutations.json', import.meta.url), 'utf8')) as Table
const mutated = [
  ...new Set([...table.authorities.map((a) => `https://${a}/cb`), ...table.paths.map((p) => `https://app.example.com${p}`), ...table.others]),
]

/** Which addresses each kind of pattern may ever lead to, as `scheme//host`. */
const REGISTERED: Record<string, RegExp> = {
  exact: /^https:\/\/app\.example\.com$/,
  'host wildcard': /^https:\/\/[^/]*\.example\.com$/,
  'path wildcard': /^https:\/\/app\.example\.com$/,
  'deep path wildcard': /^https:\/\/app\.example\.com$/,
  'port wildcard': /^https:\/\/app\.example\.com(:\d+)?$/,
  'custom scheme': /^app\.immich:\/\/$/,
  loopback: /^http:\/\/127\.0\.0\.1(:\d+)?$/,
  localhost: /^http:\/\/localhost(:\d+)?$/,
}

/** Where it leads: the address without what the answer adds, or the status of the page that is shown instead. */
async function outcome(client: Client, text: string): Promise<string | number> {
  // Nobody is signed in, so that what is accepted is answered at once with an error to the callback.
  const asked = request({ ...client, redirectUri: text }, { prompt: 'none' })
  const answer = await op.send({ path: authorizePath(asked.params) })
  if (answer.headers.location === undefined) return answer.status
  assert.equal(answer.status, 303)
  const url = new URL(answer.location)
  assert.equal(url.searchParams.get('error'), 'login_required', answer.location)
  const added = `${form([...url.searchParams].filter(([name]) => ['error', 'error_description', 'state', 'iss'].includes(name)))}`
  assert.ok(answer.location.endsWith(added), answer.location)
  return answer.location.slice(0, -added.length)
}

test('s01 set-up', async () => {
  const admin = await setupAdmin(op)
  for (const [kind, pattern] of Object.entries(table.patterns)) {
    clients[kind] = await createClient(admin.browser, { name: kind, callbackURLs: [pattern], isPublic: true })
  }
  assert.ok(mutated.length >= 390, `${mutated.length} addresses`)
})
const clients: Record<string, Client> = {}

for (const kind of Object.keys(table.patterns)) {
  test(`s01 mutated callback addresses × ${kind}: exact outcome, and Node sees a registered host`, async () => {
    const wrong: string[] = []
    for (const text of mutated) {
      const got = await outcome(clients[kind]!, text)
      const target = table.accepted[kind]![text]
      const expected = target === undefined ? 400 : `${target}${target.includes('?') ? (target.endsWith('?') ? '' : '&') : '?'}`
      if (got !== expected) wrong.push(`${JSON.stringify(text)}: ${got}, expected ${expected}`)
      if (typeof got !== 'string') continue
      const url = new URL(got)
      if (!REGISTERED[kind]!.test(`${url.protocol}//${url.host}`)) wrong.push(`${JSON.stringify(text)} leads to ${url.host}`)
      if (url.username || url.password || url.hash) wrong.push(`${JSON.stringify(text)}: ${got}`)
      // Read by this parser from the start, it is the same address.
      if (new URL(text).href !== target) wrong.push(`${JSON.stringify(text)} is ${new URL(text).href} to Node, ${target} to the server`)
    }
    assert.deepEqual(wrong, [])
  })
}
