// Starts the subject under test on a free loopback port. Everything after that goes over HTTP, except `sql`, which
// arranges what this product has no API for yet (a second user, a disabled one).
import { execFile, spawn, type ChildProcess } from 'node:child_process'
import crypto from 'node:crypto'
import { createInterface } from 'node:readline'
import { createServer } from 'node:net'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { send, type Answer, type Ask, type Peer } from './http.ts'

const run = promisify(execFile)
const here = path.dirname(fileURLToPath(import.meta.url))
const root = path.resolve(here, '../..')

/** What can be tested. */
export type SubjectName = 'worker' | 'native-sqlite' | 'native-postgres' | 'native-libsql'

/** The subject of this run. */
export const SUBJECT: SubjectName = (() => {
  const name = process.env.OP_SUBJECT ?? 'native-sqlite'
  if (name === 'worker' || name === 'native-sqlite' || name === 'native-postgres' || name === 'native-libsql') return name
  throw new Error(`OP_SUBJECT is ${JSON.stringify(name)}, expected worker, native-sqlite, native-postgres or native-libsql`)
})()

/** Whether the subject is the native binary. */
export const NATIVE = SUBJECT !== 'worker'

/** How to start it. */
export interface Options {
  /** `APP_URL`; `http://localhost:<port>` when absent. Connections go to the loopback port all the same. */
  appUrl?: string
  /** Further settings. */
  env?: Record<string, string>
}

/** A running subject. */
export interface Op {
  name: SubjectName
  /** `APP_URL`. */
  url: string
  peer: Peer
  /** Everything it has written to stdout and stderr. */
  log(): string
  /** Runs one statement on its database; rows as text. */
  sql(statement: string): Promise<string[][]>
  /** Moves its clock forward. */
  advance(seconds: number): Promise<void>
  /** Lets it do what is due without a request. */
  tick(): Promise<void>
  /** Sends a request without cookies. */
  send(ask: Ask): Promise<Answer>
  /** Stops and starts it on the same database. */
  restart(): Promise<void>
  /** Stops it and removes what it stored. */
  stop(): Promise<void>
}

/** What `worker/dev/edge.mjs` exports. */
interface EdgeModule {
  startEdge(options: {
    port: number
    appUrl: string
    bundleDir?: string | undefined
    persistDir?: string
    bindings: Record<string, string>
    onLog: (text: string) => void
  }): Promise<{ url: string; mf: { getD1Database(binding: string): Promise<D1> }; stop(): Promise<void> }>
}

/** The part of Cloudflare's D1 binding that is used here. */
interface D1 {
  prepare(statement: string): { raw(): Promise<unknown[][]> }
}

interface Running {
  log(): string
  alive(): string | undefined
  sql(statement: string): Promise<string[][]>
  stop(): Promise<void>
}

/** A port that nothing listens on. It lies below the range from which systems take ports for outgoing connections,
 * so that none of those takes it before the subject does. */
export async function freePort(): Promise<number> {
  for (let tries = 0; tries < 100; tries++) {
    const port = crypto.randomInt(20_000, 32_000)
    const free = await new Promise<boolean>((resolve) => {
      const server = createServer()
      server.on('error', () => resolve(false))
      server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)))
    })
    if (free) return port
  }
  throw new Error('no free port')
}

// A program that outlives its test file keeps files and pipes open, and with them whoever waits for their end.
const children = new Set<ChildProcess>()
process.on('exit', () => children.forEach((child) => child.kill('SIGKILL')))
process.on('SIGTERM', () => process.exit(143))

function adopted(child: ChildProcess): ChildProcess {
  children.add(child)
  child.on('exit', () => children.delete(child))
  return child
}

// Node 20 has no SQLite of its own; Python has. One process serves all statements of a file.
const SQLITE = `
import json, sqlite3, sys
db = sqlite3.connect(sys.argv[1], timeout=10)
for line in sys.stdin:
    try:
        rows = db.execute(json.loads(line)).fetchall()
        db.commit()
        answer = {"rows": [[None if v is None else str(v) for v in row] for row in rows]}
    except Exception as error:
        db.rollback()
        answer = {"error": str(error)}
    print(json.dumps(answer), flush=True)
`

/** Statements run one after the other in a Python process that ends with `close`. */
function sqlite(file: string): { sql(statement: string): Promise<string[][]>; close(): void } {
  let child: ChildProcess | undefined
  let answers: AsyncIterator<string> | undefined
  let last: Promise<unknown> = Promise.resolve()
  const ask = async (statement: string): Promise<string[][]> => {
    if (!child) {
      child = adopted(spawn('python3', ['-c', SQLITE, file], { stdio: ['pipe', 'pipe', 'inherit'] }))
      answers = createInterface({ input: child.stdout! })[Symbol.asyncIterator]()
    }
    child.stdin!.write(`${JSON.stringify(statement)}\n`)
    const line = await answers!.next()
    if (line.done) throw new Error('python3 with its sqlite3 module is needed')
    const { rows, error } = JSON.parse(line.value) as { rows?: string[][]; error?: string }
    if (!rows) throw new Error(`${error}: ${statement}`)
    return rows
  }
  return {
    sql: (statement) => {
      const next = last.then(() => ask(statement))
      last = next.catch(() => undefined)
      return next
    },
    close: () => void child?.stdin?.end(),
  }
}

async function psql(url: string, statement: string): Promise<string[][]> {
  const { stdout } = await run('psql', [url, '-X', '-q', '-A', '-t', '-v', 'ON_ERROR_STOP=1', '-F', '\t', '-c', statement])
  return stdout.split('\n').filter((line) => line !== '').map((line) => line.split('\t'))
}

/** Where the subject keeps its rows. */
interface Store {
  connection: string
  sql(statement: string): Promise<string[][]>
  remove(): Promise<void>
}

/** A database server that speaks libSQL's protocol, Hrana over HTTP. It is another implementation than ours, and its
 * package here is the one for Linux on x64. */
async function libsql(dir: string): Promise<Store> {
  const port = await freePort()
  const program = path.join(here, '../node_modules/@tursodatabase/cli-linux-x64-gnu/tursodb')
  const child = adopted(spawn(program, [path.join(dir, 'libsql.db'), '--sync-server', `127.0.0.1:${port}`], { stdio: 'ignore' }))
  const connection = `http://127.0.0.1:${port}`
  const sql = async (statement: string): Promise<string[][]> => {
    const answer = await fetch(`${connection}/v2/pipeline`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ requests: [{ type: 'execute', stmt: { sql: statement } }] }),
    })
    const { results } = (await answer.json()) as { results: { type: string; error?: { message: string }; response?: { result: { rows: { value?: string }[][] } } }[] }
    const first = results[0]
    if (!first?.response) throw new Error(`${first?.error?.message}: ${statement}`)
    return first.response.result.rows.map((row) => row.map((cell) => String(cell.value ?? null)))
  }
  for (let tries = 0; ; tries++) {
    try {
      // libSQL has them on by itself; this server has to be told.
      await sql('PRAGMA foreign_keys = ON')
      break
    } catch (error) {
      if (tries > 100) throw error
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
  }
  return {
    connection,
    sql,
    remove: async () => {
      child.kill('SIGKILL')
    },
  }
}

async function newStore(dir: string): Promise<Store> {
  if (SUBJECT === 'native-libsql') return libsql(dir)
  if (SUBJECT !== 'native-postgres') {
    const file = path.join(dir, 'latchkey.db')
    const db = sqlite(file)
    return { connection: file, sql: db.sql, remove: async () => db.close() }
  }
  const server = process.env.TEST_POSTGRES_URL
  if (!server) throw new Error('TEST_POSTGRES_URL must name a Postgres server, e.g. postgres://postgres@127.0.0.1:5432/postgres')
  const name = `latchkey_${crypto.randomBytes(6).toString('hex')}`
  await psql(server, `CREATE DATABASE ${name}`)
  const url = new URL(server)
  url.pathname = `/${name}`
  return {
    connection: url.toString(),
    sql: (statement) => psql(url.toString(), statement),
    remove: async () => {
      await psql(server, `DROP DATABASE IF EXISTS ${name} WITH (FORCE)`)
    },
  }
}

function startNative(port: number, dir: string, store: Store, env: Record<string, string>): Running {
  const binary = process.env.LATCHKEY_BIN ?? path.join(root, 'target/debug/latchkey')
  let log = ''
  let ended: string | undefined
  const child = adopted(
    spawn(binary, [], {
      cwd: dir,
      env: { PATH: process.env.PATH ?? '', PORT: String(port), HOST: '127.0.0.1', DB_CONNECTION_STRING: store.connection, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    }),
  )
  child.stdout?.on('data', (chunk: Buffer) => (log += chunk.toString('utf8')))
  child.stderr?.on('data', (chunk: Buffer) => (log += chunk.toString('utf8')))
  child.on('error', (error) => (ended = `cannot start ${binary}: ${error.message}`))
  const exit = new Promise<void>((resolve) => {
    child.on('exit', (code, signal) => {
      ended ??= `${binary} ended with ${code ?? signal}:\n${log}`
      resolve()
    })
    child.on('error', () => resolve())
  })
  return {
    log: () => log,
    alive: () => ended,
    sql: store.sql,
    stop: async () => {
      child.kill('SIGTERM')
      const hard = setTimeout(() => child.kill('SIGKILL'), 5000)
      await exit
      clearTimeout(hard)
    },
  }
}

async function startWorker(port: number, dir: string, appUrl: string, env: Record<string, string>): Promise<Running> {
  const module = process.env.LATCHKEY_EDGE_MODULE ?? path.join(root, 'worker/dev/edge.mjs')
  const { startEdge } = (await import(module)) as EdgeModule
  let log = ''
  const edge = await startEdge({
    port,
    appUrl,
    bundleDir: process.env.LATCHKEY_EDGE_BUNDLE,
    persistDir: path.join(dir, 'edge'),
    bindings: env,
    onLog: (text) => (log += text),
  })
  return {
    log: () => log,
    alive: () => undefined,
    sql: async (statement) => {
      const rows = await (await edge.mf.getD1Database('DB')).prepare(statement).raw()
      return rows.map((row) => row.map((value) => String(value)))
    },
    stop: () => edge.stop(),
  }
}

/** Starts the subject on an empty database and waits until it is healthy. */
export async function startOp(options: Options = {}): Promise<Op> {
  for (let tries = 1; ; tries++) {
    try {
      return await startOnce(options)
    } catch (error) {
      // Another test file may have taken the port meanwhile.
      if (tries === 3 || !/in use/i.test(String(error))) throw error
    }
  }
}

async function startOnce(options: Options): Promise<Op> {
  const port = await freePort()
  const dir = await mkdtemp(path.join(tmpdir(), 'latchkey-test-'))
  const url = options.appUrl ?? `http://localhost:${port}`
  const peer: Peer = { host: '127.0.0.1', port, authority: new URL(url).host }
  const env = {
    APP_URL: url,
    ENCRYPTION_KEY: crypto.randomBytes(24).toString('base64'),
    DISABLE_RATE_LIMITING: 'true',
    ...options.env,
  }
  const store = NATIVE ? await newStore(dir) : undefined
  const begin = async (): Promise<Running> => {
    const running = store ? startNative(port, dir, store, env) : await startWorker(port, dir, url, env)
    const until = Date.now() + 60_000
    for (;;) {
      const ended = running.alive()
      if (ended) throw new Error(ended)
      const healthy = await send(peer, { path: '/healthz' }).then((a) => a.status === 204, () => false)
      if (healthy) return running
      if (Date.now() > until) {
        await running.stop()
        throw new Error(`not healthy after 60 s:\n${running.log()}`)
      }
      await new Promise((resolve) => setTimeout(resolve, 25))
    }
  }
  const clear = async (): Promise<void> => {
    await store?.remove()
    await rm(dir, { recursive: true, force: true })
  }
  let running: Running
  try {
    running = await begin()
  } catch (error) {
    await clear()
    throw error
  }
  let earlier = ''
  return {
    name: SUBJECT,
    url,
    peer,
    log: () => earlier + running.log(),
    sql: (statement) => running.sql(statement),
    send: (ask) => send(peer, ask),
    tick: async () => {
      const answer = await send(peer, { method: 'POST', path: '/__test/tick' })
      if (answer.status !== 204) throw new Error(`/__test/tick answered ${answer.status}: ${answer.text}`)
    },
    advance: async (seconds) => {
      const answer = await send(peer, {
        method: 'POST',
        path: '/__test/clock',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ advance: seconds }),
      })
      if (answer.status !== 204) throw new Error(`/__test/clock answered ${answer.status}: built without test-hooks?`)
    },
    restart: async () => {
      await running.stop()
      earlier += running.log()
      running = await begin()
    },
    stop: async () => {
      await running.stop()
      await clear()
    },
  }
}
