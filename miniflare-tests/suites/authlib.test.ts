// Authlib in a Flask app, driven by the cookie-jar browser as a person would use it.
import assert from 'node:assert/strict'
import { withApp, type App } from '../harness/app.ts'
import { Browser } from '../harness/browser.ts'
import { follow, setupAdmin, signedIn, type Person } from '../harness/flows.ts'
import { subject, test } from '../harness/test.ts'

const op = subject()
const APP: App = { folder: 'authlib', program: '.venv/bin/python', args: ['app.py'], callback: '/auth' }
let admin: Person

for (const way of ['client_secret_basic', 'client_secret_post', 'none']) {
  test(`Authlib signs a person in (${way})`, async () => {
    admin ??= await setupAdmin(op)
    await withApp(op, admin.browser, APP, way, async (app) => {
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
  await withApp(op, admin.browser, APP, 'client_secret_basic', async (app) => {
    const at = { app: new Browser(app), op: new Browser(op) }
    const start = await at.app.get('/login')
    const away = await follow(at.op, await at.op.get(start.location), { authenticator: admin.authenticator, consent: 'deny' })
    const back = await at.app.get(away.location)
    assert.equal(back.status, 400)
    assert.equal(back.json().error, 'access_denied')
  })
})
