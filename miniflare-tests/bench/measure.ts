// What all measurements need: numbers of the machine and of its processes, and rows of the one table.
import { execFileSync } from 'node:child_process'
import { readFileSync, readdirSync } from 'node:fs'
import os from 'node:os'

/** Prints one row of the table: what was measured, the figure, the goal if there is one, and what to know about it. */
export function row(what: string, figure: string, goal = '', remark = ''): void {
  console.log(`| ${[what, figure, goal, remark].join(' | ')} |`)
}

/** Says on stderr what goes on meanwhile. */
export const progress = (text: string): void => console.error(`bench: ${text}`)

/** Waits. */
export const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

/** The middle one, the upper of two. */
export function median(values: number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted[Math.floor(sorted.length / 2)]
  if (middle === undefined) throw new Error('the median of nothing')
  return middle
}

/** Median and range, as `12.3 ms (11.8–14.0)`. */
export function spread(values: number[], unit: string): string {
  return `${median(values).toFixed(1)} ${unit} (${Math.min(...values).toFixed(1)}–${Math.max(...values).toFixed(1)})`
}

/** Load of the machine over the last minute, as the kernel counts it: processes that run or want to. */
export const load = (): string => `load ${os.loadavg()[0]?.toFixed(1)}`

/** A process's time on processors so far, in seconds: proc(5), `utime` and `stime`, in hundredths. */
export function processorSeconds(pid: number): number {
  const fields = afterName(pid)
  return (Number(fields[11]) + Number(fields[12])) / 100
}

/** Resident memory of a process in megabytes (10⁶ bytes): all of it, and what is not backed by a file. */
export function resident(pid: number): { all: number; own: number } {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  const megabytes = (name: string) => (Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)?.[1]) * 1024) / 1e6
  return { all: megabytes('VmRSS'), own: megabytes('RssAnon') }
}

/** A running child of this process by the name of its program. */
export function childNamed(name: string): number {
  const pids = readdirSync('/proc').filter((entry) => /^\d+$/.test(entry)).map(Number)
  const found = pids.find((pid) => {
    try {
      return readFileSync(`/proc/${pid}/comm`, 'utf8').trim() === name && Number(afterName(pid)[1]) === process.pid
    } catch {
      return false // It has ended meanwhile.
    }
  })
  if (found === undefined) throw new Error(`no child process ${name}`)
  return found
}

function afterName(pid: number): string[] {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')
}

/** The machine, the revision and the day, in one line. */
export function circumstances(): string {
  const git = (...args: string[]) => execFileSync('git', args, { encoding: 'utf8', cwd: import.meta.dirname }).trim()
  const changed = git('status', '--porcelain', '--untracked-files=no') === '' ? '' : ' with changes'
  const revision = git('rev-parse', '--short', 'HEAD') + changed
  const model = os.cpus()[0]?.model ?? 'unknown processor'
  const memory = Math.round(os.totalmem() / 1e9)
  return `${os.cpus().length} cores (${model}), ${memory} GB; revision ${revision}; ${new Date().toISOString().slice(0, 10)}; ${load()}`
}
