// The suites of `testkit::contract` on the adapters of the running host, through the test hook. The native adapters
// other than the database run theirs under `cargo test`.
import assert from 'node:assert/strict'
import { readFileSync, readdirSync } from 'node:fs'
import { execFileSync } from 'node:child_process'
import { createServer } from 'node:http'
import { fileURLToPath } from 'node:url'
import { text } from 'node:stream/consumers'
import type { Answer } from '../harness/http.ts'
import { SKIPS, subject, test, type Concerns } from '../harness/test.ts'

const op = subject()

const contract = (body: Record<string, string>) =>
  op.send({ method: 'POST', path: '/__test/contract', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) })

function assertHolds(answer: Answer): void {
  assert.equal(answer.status, 200, /^text\/html/.test(answer.header('content-type') ?? '') ? 'no such test hook' : answer.text)
  assert.match(answer.text, /^ok /m)
  assert.doesNotMatch(answer.text, /^FAIL/m)
}

const EVERYWHERE: Concerns = {}
const WORKER: Concerns = { only: 'worker' }
for (const [suite, concerns] of [['db', EVERYWHERE], ['keys', WORKER], ['clock', WORKER], ['rng', WORKER], ['limit', WORKER], ['after', WORKER]] as const) {
  test(`port contract ${suite}`, async () => assertHolds(await contract({ suite })), concerns)
}

// D1 does not let a worker ask for indexes and keys; what it keeps of each CREATE statement it does tell. SQLite on
// its own, from the same files, has to keep the same. `migrations/schema.snapshot.txt` holds that one to Postgres.
test('D1 has the schema that SQLite has', async () => {
  const kept = "SELECT sql FROM sqlite_master WHERE sql IS NOT NULL AND name NOT LIKE '\\_cf\\_%' ESCAPE '\\' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' AND name <> 'd1_migrations'"
  const folder = fileURLToPath(new URL('../../migrations/', import.meta.url))
  const script = 'import glob, json, sqlite3, sys\ndb = sqlite3.connect(":memory:")\nfor f in sorted(glob.glob(sys.argv[1] + "*.sql")): db.executescript(open(f).read())\nprint(json.dumps(db.execute(sys.argv[2]).fetchall()))'
  const sqlite = JSON.parse(execFileSync('python3', ['-c', script, folder, kept], { encoding: 'utf8' })) as string[][]
  const statements = (rows: string[][]) => rows.map(([sql]) => sql!.replace(/\s+/g, ' ')).sort()
  assert.ok(sqlite.length > 40, `${sqlite.length}`)
  assert.deepEqual(statements(await op.sql(kept)), statements(sqlite))
}, WORKER)

test('port contract fetch', async () => {
  const server = createServer((ask, answer) => {
    const path = ask.url ?? '/'
    const size = /^\/bytes\/(\d+)$/.exec(path)?.[1]
    if (path.startsWith('/echo')) {
      void text(ask).then((body) => answer.writeHead(200, { 'x-echo': ask.headers['x-echo'] ?? '' }).end(`${ask.method} ${path} ${body}`))
    } else if (path === '/redirect') answer.writeHead(302, { location: '/echo' }).end()
    else if (size) answer.writeHead(200).end('x'.repeat(Number(size)))
    else if (path !== '/never') answer.writeHead(404).end()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  try {
    const address = server.address()
    const port = address && typeof address === 'object' ? address.port : 0
    assertHolds(await contract({ suite: 'fetch', base: `http://127.0.0.1:${port}` }))
  } finally {
    server.closeAllConnections()
    server.close()
  }
}, WORKER)

test('an unknown contract suite is not a success', async () => {
  assert.equal((await contract({ suite: 'nothing' })).status, 500)
})

test('every entry of skips.json names a test that exists and gives a reason', async () => {
  const dirs = ['.', '../browser'].map((d) => new URL(`${d}/`, import.meta.url))
  const sources = dirs.flatMap((dir) => readdirSync(dir).map((f) => readFileSync(new URL(f, dir), 'utf8'))).join('\n')
  for (const skip of SKIPS) {
    assert.ok(sources.includes(skip.test), skip.test)
    assert.ok(skip.reason.length > 10, skip.test)
    assert.ok(['*', 'worker', 'native-sqlite', 'native-postgres', 'native-libsql'].includes(skip.subject))
  }
})
