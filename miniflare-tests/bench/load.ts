// Load by wrk, with one thread: it needs far less of the machine than what it measures.
import { execFile } from 'node:child_process'
import { readFile, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { promisify } from 'node:util'
import type { Site } from '../harness/browser.ts'
import { processorSeconds } from './measure.ts'

const run = promisify(execFile)

/** What to send, and what to keep of the answers. */
export interface Burst {
  path: string
  headers?: Record<string, string>
  /** Bodies of form posts, each sent once. Without them it is GET, the same each time. */
  bodies?: string[]
  /** A Lua pattern that finds something in each answer; `prefix` makes a further body of it. */
  capture?: { from: 'body' | 'location'; pattern: string; prefix?: string }
  seconds: number
}

/** How it went. */
export interface Outcome {
  /** Answers a second. */
  rate: number
  /** Milliseconds. */
  p50: number
  p99: number
  /** The server's own time on processors per answer, in milliseconds. */
  processor: number
  captured: string[]
}

/** Enough to keep the cores busy while others wait for the disk: with half as many they idle a third of the time. */
const CONNECTIONS = 64

/** Runs one burst against the server with this process id. Fails if a single request does. */
export async function burst(site: Site, pid: number, dir: string, asked: Burst): Promise<Outcome> {
  const [bodies, captured] = [path.join(dir, 'bodies'), path.join(dir, 'captured')]
  if (asked.bodies) await writeFile(bodies, asked.bodies.join('\n'))
  // With a capital: wrk adds its own `Host` beside one in lower case.
  const headers = { Host: site.peer.authority, ...asked.headers }
  const before = processorSeconds(pid)
  const { stdout } = await run('wrk', [
    ...['-t', '1', '-c', String(CONNECTIONS), '-d', `${asked.seconds}s`, '-s', path.join(import.meta.dirname, 'load.lua')],
    ...Object.entries(headers).flatMap(([name, value]) => ['-H', `${name}: ${value}`]),
    `http://${site.peer.host}:${site.peer.port}${asked.path}`,
    '--',
    ...[asked.bodies ? bodies : '-', asked.capture ? captured : '-'],
    ...[asked.capture?.from ?? '-', asked.capture?.pattern ?? '-', asked.capture?.prefix ?? '-'],
  ])
  const processor = processorSeconds(pid) - before
  const report = JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as Report
  if (report.refused + report.broken > 0 || report.exhausted) {
    throw new Error(`${asked.path}: a measurement of what did not work is none: ${JSON.stringify(report)}`)
  }
  return {
    rate: report.requests / report.seconds,
    p50: report.p50,
    p99: report.p99,
    processor: (processor * 1000) / report.requests,
    captured: asked.capture ? (await readFile(captured, 'utf8')).split('\n').filter(Boolean) : [],
  }
}

/** What `load.lua` prints. */
interface Report {
  requests: number
  seconds: number
  p50: number
  p99: number
  refused: number
  broken: number
  exhausted: boolean
}
