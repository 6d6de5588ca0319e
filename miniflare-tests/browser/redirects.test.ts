// The redirect target as two other URL parsers read it: Node's and Chromium's. What we accept, all three must
// read as the host that is registered.
import assert from 'node:assert/strict'
import { chromiumForTests } from '../harness/chromium.ts'
import { authorizePath, createClient, request, setupAdmin } from '../harness/flows.ts'
import { startOp } from '../harness/subject.ts'
import { test } from '../harness/test.ts'

const browser = chromiumForTests()

const HOSTS = [
  'app.example', 'a.app.example', 'evil.example', 'app.example.evil.example', 'evilapp.example', 'app.example.', 'APP.EXAMPLE',
  'app。example', 'app．example', 'app%2eexample', 'app.example%00.evil.example', 'app.example%2f.evil.example', 'app.example;evil.example',
  'app.example,evil.example', 'user@app.example', 'app.example@evil.example', 'app.example:443@evil.example', 'evil.example\\@app.example',
  'evil.example\\.app.example', 'app.example\\evil.example', 'app.example:443', 'app.example:8443', 'app.example:', 'app.example:00443',
  'app\t.example', 'ａpp.example', 'xn--app.example', '[::1]', '127.0.0.1', '0x7f.1', '2130706433', '[::ffff:127.0.0.1]', 'localhost', '',
]
const PATHS = ['/cb', '/cb/', '/cb/..', '/cb/../evil', '/%63b', '/cb?x=1', '/cb#x', '//evil.example/cb', '/\\evil.example/cb', '/cb;x', '']
const FORMS = [(h: string, p: string) => `https://${h}${p}`, (h: string, p: string) => `https:/${h}${p}`, (h: string, p: string) => `https:\\\\${h}${p}`, (h: string, p: string) => `\u0009https://${h}${p}`]

/** Every mutated address once. */
const mutants = [...new Set(FORMS.flatMap((form) => HOSTS.flatMap((host) => PATHS.map((path) => form(host, path)))))]

test('s01 what is accepted is the registered host to other URL parsers too', async () => {
  assert.ok(mutants.length >= 1000, `${mutants.length}`)
  const op = await startOp()
  try {
    const admin = await setupAdmin(op)
    const patterns: [string[], (host: string) => boolean][] = [
      [['https://app.example/cb'], (host) => host === 'app.example'],
      [['https://*.app.example/**'], (host) => host.endsWith('.app.example')],
    ]
    const accepted: { sent: string; went: string; ok: (host: string) => boolean }[] = []
    for (const [callbackURLs, ok] of patterns) {
      const client = await createClient(admin.browser, { callbackURLs, skipConsent: true })
      for (const sent of mutants) {
        const answer = await admin.browser.get(authorizePath(request({ ...client, redirectUri: sent }).params))
        if (answer.status === 303 && !admin.browser.owns(answer.location)) accepted.push({ sent, went: answer.location, ok })
        else assert.equal(answer.status, 400, sent)
      }
    }
    assert.ok(accepted.length >= 2, 'the plain address of each pattern is accepted')
    const page = await (await browser.context()).newPage()
    const seen = await page.evaluate(
      (addresses) => addresses.map((a) => { const u = new URL(a); return { protocol: u.protocol, hostname: u.hostname, port: u.port, username: u.username } }),
      accepted.map((a) => a.went),
    )
    for (const [i, { sent, went, ok }] of accepted.entries()) {
      for (const [parser, url] of [['Node', new URL(went)], ['Chromium', seen[i]!]] as const) {
        assert.equal(url.protocol, 'https:', `${parser}: ${sent}`)
        assert.ok(ok(url.hostname), `${parser}: ${sent} → ${went} is ${url.hostname}`)
        assert.equal(url.port, '', `${parser}: ${sent}`)
        assert.equal(url.username, '', `${parser}: ${sent}`)
      }
    }
  } finally {
    await op.stop()
  }
})
