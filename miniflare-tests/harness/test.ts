// `node:test` with two additions: tests that concern some subjects only, and skips that must still fail.
import { after, before, test as nodeTest } from 'node:test'
import { readFileSync } from 'node:fs'
import { SUBJECT, startOp, type Op, type Options, type SubjectName } from './subject.ts'

/** One entry of `skips.json`. */
export interface Skip {
  test: string
  subject: SubjectName | '*'
  reason: string
}

/** The list of known failures. */
export const SKIPS = JSON.parse(readFileSync(new URL('../skips.json', import.meta.url), 'utf8')) as Skip[]

/** Subjects a test concerns; all when absent. */
export interface Concerns {
  only?: 'native' | 'worker'
}

/** Declares a test. One that is listed in `skips.json` runs all the same, and fails if it passes. */
export function test(title: string, body: () => Promise<void>, concerns: Concerns = {}): void {
  const kind = SUBJECT === 'worker' ? 'worker' : 'native'
  if (concerns.only && concerns.only !== kind) return
  const skip = SKIPS.find((s) => s.test === title && (s.subject === '*' || s.subject === SUBJECT))
  if (!skip) {
    nodeTest(title, body)
    return
  }
  nodeTest(title, async (t) => {
    const failed = await body().then(() => false, () => true)
    if (!failed) throw new Error(`skipped for "${skip.reason}", but it passes: take it out of skips.json`)
    t.skip(skip.reason)
  })
}

/** Starts a subject before this file's tests and stops it after them. */
export function subject(options: Options = {}): Op {
  let op: Op | undefined
  before(async () => {
    op = await startOp(options)
  })
  after(async () => {
    await op?.stop()
  })
  return new Proxy({} as Op, {
    get: (_, key) => {
      if (!op) throw new Error('the subject has not started')
      return op[key as keyof Op]
    },
  })
}
