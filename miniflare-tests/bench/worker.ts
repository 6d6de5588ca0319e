// The worker as released, under workerd on this machine: size, start, and what a code exchange takes.
import { randomBytes } from 'node:crypto'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { gzipSync } from 'node:zlib'
import { Miniflare } from 'miniflare'
import type { Site } from '../harness/browser.ts'
import { createClient, getCode, redeem, setupAdmin, signIn, type Client, type Person } from '../harness/flows.ts'
import { send } from '../harness/http.ts'
import { freePort } from '../harness/subject.ts'
import { childNamed, load, processorSeconds, progress, resident, row, spread } from './measure.ts'

const STARTS = 5
const EXCHANGES = 200
/** Of which this many are timed alone. */
const TIMED = 50

interface Edge {
  url: string
  stop(): Promise<void>
}

const bundle = process.env.LATCHKEY_RELEASE_BUNDLE
if (!bundle) throw new Error('LATCHKEY_RELEASE_BUNDLE must name a bundle without test hooks')
const { startEdge } = (await import(path.join(import.meta.dirname, '../../worker/dev/edge.mjs'))) as {
  startEdge(options: { port: number; bundleDir: string; persistDir: string; bindings: Record<string, string>; onLog: () => void }): Promise<Edge>
}

const wasm = await readFile(path.join(bundle, 'index_bg.wasm'))
const script = await readFile(path.join(bundle, 'index.js'))
const gzipped = [wasm, script].reduce((sum, bytes) => sum + gzipSync(bytes, { level: 9 }).length, 0)
row('worker: bundle, gzipped', `${(gzipped / 1000).toFixed(0)} kB`, '≤ 700 kB', `${(wasm.length / 1000).toFixed(0)} kB of WebAssembly before gzip`)

const dir = await mkdtemp(path.join(os.tmpdir(), 'latchkey-bench-'))
const bindings = { ENCRYPTION_KEY: randomBytes(24).toString('base64'), DISABLE_RATE_LIMITING: 'true' }
const site = (port: number): Site => ({ url: `http://localhost:${port}`, peer: { host: '127.0.0.1', port, authority: `localhost:${port}` } })

async function timed<T>(work: () => Promise<T>): Promise<[number, T]> {
  const begun = performance.now()
  const result = await work()
  return [performance.now() - begun, result]
}

async function edgeAt(port: number): Promise<Edge> {
  return startEdge({ port, bundleDir: bundle!, persistDir: dir, bindings, onLog: () => undefined })
}

/** Milliseconds of one start: until ready, first request, second request. */
type Start = [number, number, number]

async function starting(port: number, start: () => Promise<{ stop(): Promise<void> }>, path: string): Promise<Start> {
  const [ready, edge] = await timed(start)
  const ask = async () => (await send(site(port).peer, { path })).status
  const [first] = await timed(ask)
  const [second] = await timed(ask)
  await edge.stop()
  return [ready, first, second]
}

/** The same tools with a worker that does nothing, which is what the tools themselves take. */
async function nothing(port: number): Promise<{ stop(): Promise<void> }> {
  const script = "export default { fetch: () => new Response(null, { status: 204 }) }"
  const mf = new Miniflare({ host: 'localhost', port, modules: true, script, d1Databases: { DB: 'nothing' }, cf: {} as never })
  await mf.ready
  await (await mf.getD1Database('DB')).prepare('SELECT 1').all()
  return { stop: () => mf.dispose() }
}

async function starts(): Promise<void> {
  progress('worker: starts')
  const port = await freePort()
  await (await edgeAt(port)).stop()
  const ours: Start[] = []
  const empty: Start[] = []
  for (let n = 0; n < STARTS; n++) {
    ours.push(await starting(port, () => edgeAt(port), '/healthz'))
    empty.push(await starting(port, () => nothing(port), '/healthz'))
  }
  const column = (rows: Start[], at: 0 | 1 | 2) => spread(rows.map((r) => r[at]), 'ms')
  row('worker: workerd and Miniflare ready', column(ours, 0), '', `new process, database there already, ${STARTS} starts; a worker that does nothing: ${column(empty, 0)}; ${load()}`)
  row('worker: first request of an isolate', column(ours, 1), '', `GET /healthz, with the assets router before it; the second: ${column(ours, 2)}; a worker that does nothing: ${column(empty, 1)}, then ${column(empty, 2)}`)
}

async function exchanges(): Promise<void> {
  progress('worker: code exchanges')
  const port = await freePort()
  const edge = await edgeAt(port)
  try {
    const workerd = childNamed('workerd')
    const op = site(port)
    const admin: Person = await setupAdmin(op)
    const client: Client = await createClient(admin.browser, { skipConsent: true })
    await signIn(op, admin.authenticator)
    const times: number[] = []
    let processor = 0
    for (let done = 0; done < EXCHANGES + TIMED; done += TIMED) {
      const grants = await Promise.all(Array.from({ length: TIMED }, () => getCode(admin, client)))
      const before = processorSeconds(workerd)
      for (const grant of grants) {
        const [took, answer] = await timed(() => redeem(op, grant))
        if (answer.status !== 200) throw new Error(answer.text)
        if (done > 0) times.push(took)
      }
      // The first lot warms the isolate.
      if (done > 0) processor += processorSeconds(workerd) - before
    }
    row('worker: code exchange, wall time', spread(times.slice(-TIMED), 'ms'), '', `one after the other, a connection each, ${TIMED} of them, ${load()}`)
    row('worker: code exchange, processor time', `${((processor * 1000) / times.length).toFixed(2)} ms`, '', `workerd’s own over ${times.length}, with the local D1 and the assets router inside; the isolate’s alone is less`)
    const before = processorSeconds(workerd)
    for (let n = 0; n < EXCHANGES; n++) await send(op.peer, { path: '/.well-known/openid-configuration' })
    const idle = ((processorSeconds(workerd) - before) * 1000) / EXCHANGES
    row('worker: discovery, processor time', `${idle.toFixed(2)} ms`, '', 'for comparison: the same way through workerd, without store and signatures')
    row('worker: memory of workerd', `${resident(workerd).all.toFixed(0)} MB`, '', 'everything it runs')
  } finally {
    await edge.stop()
  }
}

await starts()
await exchanges()
await rm(dir, { recursive: true, force: true })
