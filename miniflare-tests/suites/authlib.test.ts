// Authlib in a Flask app, driven by the cookie-jar browser as a person would use it.
import assert from 'node:assert/strict'
import { execFile, spawn, type ChildProcess } from 'node:child_process'
import { createServer } from 'node:net'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { Browser, type Site } from '../harness/browser.ts'
import { createClient, follow, setupAdmin, signedIn, type Person } from '../harness/flows.ts'
import { subject, test } from '../harness/test.ts'

const op = subject()
const dir = fileURLToPath(new URL('../clients/authlib/', import.meta.url))
let admin: Person

async function withApp(way: string, isPublic: boolean, body: (app: Site) => Promise<void>): Promise<void> {
  await promisify(execFile)(`${dir}setup.sh`)
  const port = await new Promise<number>((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => resolve(address && typeof address === 'object' ? address.port : 0))
    })
  })
  const url = `http://127.0.0.1:${port}`
  const client = await createClient(admin.browser, { callbackURLs: [`${url}/auth`], isPublic })
  const env = { PATH: process.env.PATH, ISSUER: op.url, CLIENT_ID: client.id, CLIENT_SECRET: client.secret, AUTH_METHOD: way, PORT: String(port) }
  let log = ''
  const child: ChildProcess = spawn(`${dir}.venv/bin/python`, [`${dir}app.py`], { env, stdio: ['ignore', 'pipe', 'pipe'] })
  child.stderr?.on('data', (chunk: Buffer) => (log += chunk.toString()))
  const site: Site = { url, peer: { host: '127.0.0.1', port, authority: `127.0.0.1:${port}` } }
  try {
    for (let i = 0; ; i++) {
      if (await new Browser(site).get('/').then(() => true, () => false)) break
      if (i > 200) throw new Error(`the app does not start:\n${log}`)
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
    await body(site)
  } finally {
    const end = new Promise((resolve) => child.on('exit', resolve))
    child.kill()
    await end
  }
}

for (const [way, isPublic] of [['client_secret_basic', false], ['client_secret_post', false], ['none', true]] as const) {
  test(`Authlib signs a person in (${way})`, async () => {
    admin ??= await setupAdmin(op)
    await withApp(way, isPublic, async (app) => {
      const at = { app: new Browser(app), op: new Browser(op) }
      const start = await at.app.get((await at.app.get('/')).location)
      assert.equal(start.status, 302)
      const away = await follow(at.op, await at.op.get(start.location), { authenticator: admin.authenticator })
      assert.equal(away.status, 303)
      const back = await at.app.get(away.location)
      assert.equal(back.status, 302, back.text)
      const user = (await at.app.get('/')).json()
      assert.equal(user.claims.preferred_username, 'ada')
      assert.equal(user.claims.iss, op.url)
      assert.equal(user.info.email, 'ada@example.com')
      assert.equal(user.info.sub, user.claims.sub)
      assert.deepEqual(user.claims.groups, [])
      assert.deepEqual(user.scope.split(' ').sort(), ['email', 'groups', 'openid', 'profile'])
      assert.equal(await signedIn(at.op), true)
    })
  })
}

test('Authlib is told when the person says no', async () => {
  admin ??= await setupAdmin(op)
  await withApp('client_secret_basic', false, async (app) => {
    const at = { app: new Browser(app), op: new Browser(op) }
    const start = await at.app.get('/login')
    const away = await follow(at.op, await at.op.get(start.location), { authenticator: admin.authenticator, consent: 'deny' })
    const back = await at.app.get(away.location)
    assert.equal(back.status, 400)
    assert.equal(back.json().error, 'access_denied')
  })
})
