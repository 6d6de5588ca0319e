// Auth.js in an Express app, driven by the cookie-jar browser as a person would use it.
import assert from 'node:assert/strict'
import { withApp, type App } from '../harness/app.ts'
import { Browser } from '../harness/browser.ts'
import { follow, setupAdmin, signedIn, type Person } from '../harness/flows.ts'
import { type Answer } from '../harness/http.ts'
import { subject, test } from '../harness/test.ts'

const op = subject()
const APP: App = { folder: 'authjs', program: process.execPath, args: ['app.js'], callback: '/auth/callback/latchkey' }
let admin: Person

/** Presses the sign-in button of the app's page. */
async function start(app: Browser): Promise<Answer> {
  const { csrfToken } = (await app.get('/auth/csrf')).json()
  const answer = await app.post('/auth/signin/latchkey', { csrfToken, callbackUrl: `${app.site.url}/` })
  assert.equal(answer.status, 302, answer.text)
  assert.ok(answer.location.startsWith(`${op.url}/authorize?`), answer.location)
  return answer
}

for (const way of ['client_secret_basic', 'client_secret_post']) {
  test(`Auth.js signs a person in (${way}) with PKCE, state and nonce`, async () => {
    admin ??= await setupAdmin(op)
    await withApp(op, admin.browser, APP, way, async (site) => {
      const at = { app: new Browser(site), op: new Browser(op) }
      const asked = new URL((await start(at.app)).location).searchParams
      for (const name of ['state', 'nonce', 'code_challenge']) assert.ok(asked.get(name), name)
      const away = await follow(at.op, await at.op.get(`/authorize?${asked}`), { authenticator: admin.authenticator })
      assert.equal(away.status, 303, away.text)
      const back = await at.app.get(away.location)
      assert.equal(back.status, 302, back.text)
      assert.equal(back.location, `${site.url}/`)
      const session = (await at.app.get('/')).json()
      assert.equal(session.user.name, 'Ada Lovelace')
      assert.equal(session.user.email, 'ada@example.com')
      assert.equal(session.claims.preferred_username, 'ada')
      assert.equal(session.claims.iss, op.url)
      assert.deepEqual(session.claims.groups, [])
      assert.equal(await signedIn(at.op), true)
    })
  })
}

test('Auth.js is told when the person says no', async () => {
  admin ??= await setupAdmin(op)
  await withApp(op, admin.browser, APP, 'client_secret_basic', async (site) => {
    const at = { app: new Browser(site), op: new Browser(op) }
    const away = await follow(at.op, await at.op.get((await start(at.app)).location), { authenticator: admin.authenticator, consent: 'deny' })
    assert.equal(new URL(away.location).searchParams.get('error'), 'access_denied')
    const back = await at.app.get(away.location)
    assert.equal(back.status, 302)
    assert.match(back.location, /\/auth\/(error|signin)\?error=/)
    assert.equal((await at.app.get('/')).status, 302, 'nobody is signed in')
  })
})
