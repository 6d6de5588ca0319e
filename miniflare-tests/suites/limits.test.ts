import assert from 'node:assert/strict'
import { Browser } from '../harness/browser.ts'
import { setupAdmin, signedIn, signIn } from '../harness/flows.ts'
import { startOp, type Op } from '../harness/subject.ts'
import { test } from '../harness/test.ts'

/** Statuses of `n` sign-in attempts, each with the X-Forwarded-For that `claim` gives. */
async function attempts(op: Op, n: number, claim: (i: number) => string | undefined): Promise<number[]> {
  const statuses: number[] = []
  for (let i = 0; i < n; i++) {
    const answer = await new Browser(op).post('/login', { challenge_id: 'x', response: '{}' }, { 'x-forwarded-for': claim(i) })
    statuses.push(answer.status)
    if (answer.status === 429) assert.match(answer.header('retry-after') ?? '', /^[1-9][0-9]*$/)
  }
  return statuses
}

async function withOp(env: Record<string, string>, body: (op: Op) => Promise<void>): Promise<void> {
  const op = await startOp({ env: { DISABLE_RATE_LIMITING: 'false', ...env } })
  try {
    await body(op)
  } finally {
    await op.stop()
  }
}

const v4 = (i: number) => `198.51.100.${i + 1}`

test('sign-in attempts are slowed down, with Retry-After, and go on later', async () => {
  await withOp({}, async (op) => {
    const statuses = await attempts(op, 30, () => undefined)
    assert.ok(statuses.filter((s) => s === 429).length >= 1, statuses.join())
    assert.deepEqual(statuses.slice(0, 5), [401, 401, 401, 401, 401])
    assert.equal((await op.send({ path: '/healthz' })).status, 204, 'health is never limited')
  })
})

test('s45 without TRUST_PROXY a claimed address buys nothing', async () => {
  await withOp({}, async (op) => {
    assert.ok((await attempts(op, 30, v4)).includes(429))
  })
})

test('s45 behind a trusted proxy visitors are counted one by one', async () => {
  await withOp({ TRUST_PROXY: 'true' }, async (op) => {
    assert.ok(!(await attempts(op, 15, v4)).includes(429))
    assert.ok((await attempts(op, 15, () => '203.0.113.9')).includes(429))
  })
}, { only: 'native' })

test('s45 the right-most untrusted hop counts, so what a visitor puts in front buys nothing', async () => {
  await withOp({ TRUST_PROXY: '127.0.0.0/8' }, async (op) => {
    assert.ok((await attempts(op, 15, (i) => `${v4(i)}, 203.0.113.7`)).includes(429))
  })
}, { only: 'native' })

test('s45 an address that cannot be read counts as the peer', async () => {
  await withOp({ TRUST_PROXY: 'true' }, async (op) => {
    assert.ok((await attempts(op, 15, (i) => `garbage-${i}`)).includes(429))
    assert.ok((await attempts(op, 3, (i) => `, ,${'x'.repeat(i)}`)).includes(429))
  })
}, { only: 'native' })

test('s45 an IPv6 /64 is one visitor, and spellings of one address are one', async () => {
  await withOp({ TRUST_PROXY: 'true' }, async (op) => {
    assert.ok((await attempts(op, 15, (i) => `2001:db8:1:2::${(i + 1).toString(16)}`)).includes(429))
    assert.ok(!(await attempts(op, 15, (i) => `2001:db8:1:${(i + 16).toString(16)}::1`)).includes(429))
    const spelt = ['2001:db8:9:9::1', '2001:DB8:9:9:0:0:0:1', '2001:0db8:0009:0009::0001', '[2001:db8:9:9::1]', '[2001:db8:9:9::1]:1234']
    assert.ok((await attempts(op, 15, (i) => spelt[i % spelt.length])).includes(429))
    const mapped = ['198.51.100.200', '::ffff:198.51.100.200', '::ffff:c633:64c8', '198.51.100.200:4711']
    assert.ok((await attempts(op, 15, (i) => mapped[i % mapped.length])).includes(429))
  })
}, { only: 'native' })

test('s45 proxies that are not in the list are not believed', async () => {
  await withOp({ TRUST_PROXY: '10.0.0.0/8' }, async (op) => {
    assert.ok((await attempts(op, 15, v4)).includes(429))
  })
}, { only: 'native' })

test('ordinary use stays below the limits', async () => {
  await withOp({}, async (op) => {
    const admin = await setupAdmin(op)
    for (let i = 0; i < 4; i++) assert.equal(await signedIn(await signIn(op, admin.authenticator)), true)
    for (let i = 0; i < 50; i++) assert.equal((await admin.browser.json('GET', '/api/users/me')).status, 200)
  })
})
