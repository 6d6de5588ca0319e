// The native binary as released: size, start, memory, and what it answers a second on SQLite and on Postgres.
import { execFileSync } from 'node:child_process'
import crypto from 'node:crypto'
import { mkdtemp, rm, stat } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { basic, CALLBACK, authorizePath, createClient, getTokens, request, setupAdmin, signIn, type Person } from '../harness/flows.ts'
import { form } from '../harness/http.ts'
import { burst, type Outcome } from './load.ts'
import { load, progress, resident, row, sleep, spread } from './measure.ts'
import { BINARY, start, type Server } from './native-server.ts'

const megabytes = (n: number) => `${n.toFixed(1)} MB`

/** Signatures a second of this machine: by the clock on all cores, and by processor time. */
function signRate(alg: string): { clock: number; processor: number } {
  const program = process.env.LATCHKEY_SIGN_RATE
  if (!program) throw new Error('LATCHKEY_SIGN_RATE must name the release build of the example sign_rate')
  const text = execFileSync(program, [alg, String(os.availableParallelism()), '3'], { encoding: 'utf8' })
  const [clock = NaN, processor = NaN] = text.trim().split(' ').map(Number)
  return { clock, processor }
}

async function startAndMemory(dir: string): Promise<Person> {
  const size = (await stat(BINARY)).size
  row('native: binary', megabytes(size / 1e6), '', 'with the pages’ scripts and styles inside')

  progress('start and memory')
  const first = await start(dir)
  const admin = await setupAdmin(first)
  await first.stop()
  const starts: number[] = []
  for (let n = 0; n < 10; n++) {
    const server = await start(dir)
    starts.push(server.startedIn)
    await server.stop()
  }
  row('native: start to first answer', spread(starts, 'ms'), '≤ 50 ms', `existing database, 10 starts, ${load()}`)
  row('native: first start of all', `${first.startedIn.toFixed(1)} ms`, '', 'makes the database')

  const server = await start(dir)
  await sleep(1000)
  const idle = resident(server.pid)
  row('native: resident memory, idle after start', megabytes(idle.all), '≤ 15 MB', `${megabytes(idle.own)} of it its own, the rest the mapped binary`)
  const person = await signedInAt(server, admin)
  await getTokens(server, person, await createClient(person.browser))
  await sleep(1000)
  const used = resident(server.pid)
  row('native: resident memory, idle after a sign-in to an app', megabytes(used.all), '≤ 15 MB', `${megabytes(used.own)} of it its own`)
  await server.stop()
  return admin
}

/** The same person and passkey at a server that runs on another port now. */
async function signedInAt(server: Server, admin: Person): Promise<Person> {
  const authenticator = Object.assign(Object.create(Object.getPrototypeOf(admin.authenticator)), admin.authenticator, { origin: server.url })
  return { ...admin, authenticator, browser: await signIn(server, authenticator) }
}

/** Where the rows are. */
interface Store {
  name: string
  env: Record<string, string>
  remove(): void
}

const SQLITE: Store = { name: 'SQLite', env: {}, remove: () => undefined }

function postgres(): Store {
  const server = process.env.TEST_POSTGRES_URL
  if (!server) throw new Error('TEST_POSTGRES_URL must name a Postgres server')
  const psql = (statement: string) => execFileSync('psql', [server, '-X', '-q', '-c', statement])
  const name = `latchkey_bench_${crypto.randomBytes(4).toString('hex')}`
  psql(`CREATE DATABASE ${name}`)
  const url = new URL(server)
  url.pathname = `/${name}`
  const env = { DB_CONNECTION_STRING: url.toString(), ENCRYPTION_KEY: crypto.randomBytes(24).toString('base64') }
  return { name: 'Postgres', env, remove: () => void psql(`DROP DATABASE ${name} WITH (FORCE)`) }
}

async function throughput(dir: string, store: Store, alg: string, admin?: Person): Promise<void> {
  progress(`throughput with ${alg} on ${store.name}`)
  const server = await start(dir, { ...store.env, KEYS_ALGORITHM: alg })
  try {
    const person = admin ? await signedInAt(server, admin) : await setupAdmin(server)
    const client = await createClient(person.browser, { skipConsent: true })
    const warm = await getTokens(server, person, client)
    const headers = { authorization: basic(client.id, client.secret ?? '') }
    const say = (what: string, { rate, p50, p99, processor }: Outcome, more = '') =>
      row(`${store.name}, ${alg}: ${what}`, `${Math.round(rate)}/s`, '', `p50 ${p50.toFixed(1)} ms, p99 ${p99.toFixed(1)} ms, ${processor.toFixed(3)} ms of processor each${more}, ${load()}`)

    const asked = request(client)
    // Codes live a minute: made and redeemed within 20 seconds.
    const codes = await burst(server, server.pid, dir, {
      path: authorizePath(asked.params),
      headers: { cookie: person.browser.jar.header('/authorize') ?? '' },
      capture: { from: 'location', pattern: '[?&]code=([^&]+)' },
      seconds: 10,
    })
    say('GET /authorize, signed in, to the code', codes)
    const before = signRate(alg)
    const redeemed = await burst(server, server.pid, dir, {
      path: '/api/oidc/token',
      headers,
      bodies: codes.captured.map((code) => form({ grant_type: 'authorization_code', code, redirect_uri: CALLBACK, code_verifier: asked.verifier })),
      capture: { from: 'body', pattern: '"refresh_token":"([^"]+)"' },
      seconds: 5,
    })
    const after = signRate(alg)
    say('code exchanges', redeemed)
    const bound = Math.max(before.clock, after.clock) / 2
    const perProcessor = Math.max(before.processor, after.processor)
    row(`${store.name}, ${alg}: signature bound`, `${Math.round(bound)}/s`, '', `aws-lc-rs alone on all cores, ${Math.round(bound * 2)} signatures/s, two a code exchange; ${Math.round(perProcessor)} a second of processor`)
    row(`${store.name}, ${alg}: code exchanges ÷ bound`, (redeemed.rate / bound).toFixed(2), '', 'by the clock; wrk runs on the same cores, and every code is made durable on disk')
    row(`${store.name}, ${alg}: share of the server’s processor time that is signing`, (2000 / perProcessor / redeemed.processor).toFixed(2), '', 'two signatures ÷ processor time of one exchange')
    const prefix = 'grant_type=refresh_token&refresh_token='
    say('refreshes', await burst(server, server.pid, dir, {
      path: '/api/oidc/token',
      headers,
      bodies: redeemed.captured.map((token) => prefix + token),
      capture: { from: 'body', pattern: '"refresh_token":"([^"]+)"', prefix },
      seconds: 5,
    }))
    say('userinfo', await burst(server, server.pid, dir, { path: '/api/oidc/userinfo', headers: { authorization: `Bearer ${warm.access_token}` }, seconds: 5 }))
    const token = warm.access_token ?? ''
    say('introspection', await burst(server, server.pid, dir, {
      path: '/api/oidc/introspect',
      headers,
      bodies: Array<string>(100_000).fill(form({ token })),
      seconds: 5,
    }))
    say('JWKS', await burst(server, server.pid, dir, { path: '/.well-known/jwks.json', seconds: 3 }))
    const busy = resident(server.pid)
    row(`${store.name}, ${alg}: resident memory after the load`, megabytes(busy.all), '', `${megabytes(busy.own)} of it its own`)
  } finally {
    await server.stop()
  }
}

async function onPostgres(dir: string, alg: string): Promise<void> {
  const store = postgres()
  try {
    await throughput(dir, store, alg)
  } finally {
    store.remove()
  }
}

for (const part of [
  async (dir: string) => throughput(dir, SQLITE, 'RS256', await startAndMemory(dir)),
  (dir: string) => throughput(dir, SQLITE, 'ES256'),
  (dir: string) => onPostgres(dir, 'RS256'),
  (dir: string) => onPostgres(dir, 'ES256'),
]) {
  const dir = await mkdtemp(path.join(os.tmpdir(), 'latchkey-bench-'))
  await part(dir)
  await rm(dir, { recursive: true, force: true })
}
