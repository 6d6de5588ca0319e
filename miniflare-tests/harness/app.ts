// Starts an app of `clients/` that signs people in with a library of its own, as a program beside the subject.
import { execFile, spawn, type ChildProcess } from 'node:child_process'
import { createServer } from 'node:net'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { Browser, type Site } from './browser.ts'
import { createClient } from './flows.ts'
import type { Op } from './subject.ts'

/** An app of `clients/`. */
export interface App {
  /** Its folder; `setup.sh` in it installs what it needs. */
  folder: string
  /** What runs it, in its folder. */
  program: string
  args: string[]
  /** Path of its callback. */
  callback: string
  /** Further settings of its environment. */
  env?: Record<string, string>
}

/** Registers a client for the app, runs the app, and stops it after `body`. */
export async function withApp(op: Op, admin: Browser, app: App, way: string, body: (site: Site) => Promise<void>): Promise<void> {
  const dir = fileURLToPath(new URL(`../clients/${app.folder}/`, import.meta.url))
  await promisify(execFile)(`${dir}setup.sh`)
  const port = await new Promise<number>((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => resolve(address && typeof address === 'object' ? address.port : 0))
    })
  })
  const url = `http://127.0.0.1:${port}`
  const client = await createClient(admin, { callbackURLs: [`${url}${app.callback}`], isPublic: way === 'none' })
  const env = {
    PATH: process.env.PATH, ISSUER: op.url, CLIENT_ID: client.id, CLIENT_SECRET: client.secret, AUTH_METHOD: way, PORT: String(port), ...app.env,
  }
  let log = ''
  const child: ChildProcess = spawn(app.program, app.args, { cwd: dir, env, stdio: ['ignore', 'pipe', 'pipe'] })
  child.on('error', (error) => (log += error.message))
  child.stderr?.on('data', (chunk: Buffer) => (log += chunk.toString()))
  const end = new Promise((resolve) => child.on('exit', resolve))
  const site: Site = { url, peer: { host: '127.0.0.1', port, authority: `127.0.0.1:${port}` } }
  try {
    for (let i = 0; ; i++) {
      if (await new Browser(site).get('/').then(() => true, () => false)) break
      if (i > 200) throw new Error(`the app does not start:\n${log}`)
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
    await body(site)
  } finally {
    child.kill()
    if (child.pid !== undefined) await end
  }
}
