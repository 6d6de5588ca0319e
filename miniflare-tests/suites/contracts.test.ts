import assert from 'node:assert/strict'
import { readFileSync, readdirSync } from 'node:fs'
import { SKIPS, test } from '../harness/test.ts'
import { subject } from '../harness/test.ts'

const op = subject()

for (const suite of ['db', 'keys', 'clock', 'rng', 'limit', 'after']) {
  test(`port contract ${suite} holds on this host`, async () => {
    const answer = await op.send({ method: 'POST', path: '/__test/contract', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ suite }) })
    assert.equal(answer.status, 200, answer.text)
    const lines = answer.text.split('\n').filter((line) => /^(ok|FAIL)\b/.test(line))
    assert.ok(lines.length > 0, answer.text)
    assert.deepEqual(lines.filter((line) => line.startsWith('FAIL')), [])
  })
}

test('an unknown contract suite is not a success', async () => {
  const answer = await op.send({ method: 'POST', path: '/__test/contract', headers: { 'content-type': 'application/json' }, body: '{"suite":"nothing"}' })
  assert.notEqual(answer.status, 200)
})

test('every entry of skips.json names a test that exists and gives a reason', async () => {
  const dirs = ['.', '../browser'].map((d) => new URL(`${d}/`, import.meta.url))
  const sources = dirs.flatMap((dir) => readdirSync(dir).map((f) => readFileSync(new URL(f, dir), 'utf8'))).join('\n')
  for (const skip of SKIPS) {
    assert.ok(sources.includes(skip.test), skip.test)
    assert.ok(skip.reason.length > 10, skip.test)
    assert.ok(['*', 'worker', 'native-sqlite', 'native-postgres'].includes(skip.subject))
  }
})
