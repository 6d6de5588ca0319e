// requests-oauthlib, which takes no token whose scope differs from what it asked for unless the answer says so.
import assert from 'node:assert/strict'
import { withApp, type App } from '../harness/app.ts'
import { Browser } from '../harness/browser.ts'
import { follow, setupAdmin, type Person } from '../harness/flows.ts'
import { subject, test } from '../harness/test.ts'

const op = subject()
let admin: Person

/** What the app ends up with. */
async function outcome(way: string, scope: string): Promise<{ status: number; body: any }> {
  admin ??= await setupAdmin(op)
  const app: App = {
    folder: 'requests-oauthlib', program: '.venv/bin/python', args: ['app.py'], callback: '/auth', env: { SCOPE: scope, OAUTHLIB_INSECURE_TRANSPORT: '1' },
  }
  let result = { status: 0, body: undefined as any }
  await withApp(op, admin.browser, app, way, async (site) => {
    const at = { app: new Browser(site), op: new Browser(op) }
    const start = await at.app.get('/login')
    const away = await follow(at.op, await at.op.get(start.location), { authenticator: admin.authenticator })
    const back = await at.app.get(away.location)
    result = { status: back.status, body: back.json() }
  })
  return result
}

for (const way of ['client_secret_basic', 'client_secret_post', 'none']) {
  test(`requests-oauthlib signs a person in (${way})`, async () => {
    const { status, body } = await outcome(way, 'openid profile email groups')
    assert.equal(status, 200, JSON.stringify(body))
    assert.deepEqual(body.scope.sort(), ['email', 'groups', 'openid', 'profile'])
    assert.equal(body.info.preferred_username, 'ada')
    assert.deepEqual(body.info.groups, [])
  })
}

test('requests-oauthlib notices that a scope was not granted, because the answer says so (RFC 6749 §3.3)', async () => {
  const { status, body } = await outcome('client_secret_basic', 'openid email no-such-scope')
  assert.equal(status, 400)
  assert.match(body.text, /^Scope has changed/)
})
