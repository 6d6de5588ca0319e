// What the browser test of the sign-in page saw on the wire.
import { execFile } from 'node:child_process'
import path from 'node:path'
import { promisify } from 'node:util'
import { SUBJECT } from '../harness/subject.ts'
import { progress, row } from './measure.ts'

progress(`sign-in page on ${SUBJECT}`)
const { stdout } = await promisify(execFile)(
  process.execPath,
  ['--import', 'tsx', '--test', '--test-name-pattern', 'the sign-in page weighs', 'browser/pages.test.ts'],
  { cwd: path.join(import.meta.dirname, '..'), timeout: 240_000 },
)
const found = /sign-in page: (\d+) bytes on the wire, headers included, in (\d+) requests, (\d+) dependent: (\[.*\])/.exec(stdout)
if (!found) throw new Error(`the test said nothing:\n${stdout}`)
const [, bytes, requests, dependent, list] = found
const files = (JSON.parse(list ?? '[]') as { path: string; bytes: number }[]).map((f) => `${f.path}: ${f.bytes}`).join('; ')
row(`sign-in page on ${SUBJECT}: bytes`, `${bytes}`, '≤ 10 kB', `on the wire with headers, in ${requests} requests: ${files}`)
row(`sign-in page on ${SUBJECT}: dependent requests`, `${dependent}`, '1', '')
