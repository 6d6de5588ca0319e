// The released binary as a process whose first answer can be timed. (The harness asks every 25 ms, which is enough for tests.)
import { spawn } from 'node:child_process'
import { openSync } from 'node:fs'
import { connect } from 'node:net'
import path from 'node:path'
import type { Site } from '../harness/browser.ts'
import { freePort } from '../harness/subject.ts'
import { sleep } from './measure.ts'

/** A running server. */
export interface Server extends Site {
  pid: number
  /** Milliseconds from starting the program to its first 204 on `/healthz`. */
  startedIn: number
  stop(): Promise<void>
}

const LONGEST_START_MS = 10_000

/** Path of the binary. */
export const BINARY = (() => {
  const binary = process.env.LATCHKEY_RELEASE_BIN
  if (binary) return binary
  throw new Error('LATCHKEY_RELEASE_BIN must name a release build without test hooks')
})()

/** Starts it on the database in a folder, which is made if absent. Its log goes to a file there. */
export async function start(dir: string, env: Record<string, string> = {}): Promise<Server> {
  const port = await freePort()
  const url = `http://localhost:${port}`
  const log = openSync(path.join(dir, 'log'), 'a')
  const settings = { APP_URL: url, HOST: '127.0.0.1', PORT: String(port), DISABLE_RATE_LIMITING: 'true', ...env }
  const begun = performance.now()
  const child = spawn(BINARY, ['serve'], { cwd: dir, env: { PATH: process.env.PATH ?? '', ...settings }, stdio: ['ignore', log, log] })
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  while (!(await healthy(port))) {
    if (child.exitCode !== null || performance.now() - begun > LONGEST_START_MS) throw new Error(`it does not start; see ${dir}/log`)
    await sleep(1)
  }
  const startedIn = performance.now() - begun
  return {
    url,
    peer: { host: '127.0.0.1', port, authority: `localhost:${port}` },
    pid: child.pid!,
    startedIn,
    stop: async () => {
      child.kill('SIGTERM')
      await ended
    },
  }
}

/** One question over a connection of its own. */
function healthy(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    socket.once('connect', () => socket.write(`GET /healthz HTTP/1.1\r\nhost: localhost:${port}\r\nconnection: close\r\n\r\n`))
    socket.once('data', (answer) => {
      resolve(answer.toString().startsWith('HTTP/1.1 204'))
      socket.destroy()
    })
    socket.once('error', () => resolve(false))
  })
}
