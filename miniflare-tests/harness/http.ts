// A plain HTTP/1.1 client. `fetch` cannot set `Host`, repeat a header or send a body with GET; attackers can.
import http from 'node:http'

/** Header name → value, or several values to send the header several times. */
export type Headers = Record<string, string | string[] | undefined>

/** What to send. `path` is sent as written. */
export interface Ask {
  method?: string
  path: string
  headers?: Headers
  body?: string | Uint8Array
}

/** What came back, read to its end. */
export class Answer {
  constructor(
    readonly status: number,
    readonly headers: http.IncomingHttpHeaders,
    readonly raw: Buffer,
  ) {}

  /** The body as UTF-8. */
  get text(): string {
    return this.raw.toString('utf8')
  }

  /** The body as JSON. */
  json<T = any>(): T {
    try {
      return JSON.parse(this.text) as T
    } catch {
      throw new Error(`not JSON (status ${this.status}): ${this.text.slice(0, 300)}`)
    }
  }

  /** One header, lower-case name; several values are joined. */
  header(name: string): string | undefined {
    const value = this.headers[name]
    return Array.isArray(value) ? value.join(', ') : value
  }

  /** All `Set-Cookie` lines. */
  get setCookies(): string[] {
    return this.headers['set-cookie'] ?? []
  }

  /** `Location`, which must be there. */
  get location(): string {
    const value = this.headers.location
    if (value === undefined) throw new Error(`no Location (status ${this.status}): ${this.text.slice(0, 300)}`)
    return value
  }
}

// One connection a request: a server may close a kept one at the very moment the next request goes out.
const agent = new http.Agent({ keepAlive: false, maxSockets: 64 })

/** Where to connect, and the `Host` to claim. */
export interface Peer {
  host: string
  port: number
  authority: string
}

/** Sends one request; redirects are not followed. */
export function send(peer: Peer, ask: Ask): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const headers: Record<string, string | string[]> = { host: peer.authority }
    for (const [name, value] of Object.entries(ask.headers ?? {})) {
      if (value !== undefined) headers[name.toLowerCase()] = value
    }
    const body = ask.body === undefined ? undefined : Buffer.from(ask.body as string)
    if (body && headers['transfer-encoding'] === undefined && headers['content-length'] === undefined) {
      headers['content-length'] = String(body.length)
    }
    const request = http.request(
      { agent, host: peer.host, port: peer.port, method: ask.method ?? 'GET', path: ask.path, headers },
      (response) => {
        const chunks: Buffer[] = []
        response.on('data', (chunk: Buffer) => chunks.push(chunk))
        response.on('error', reject)
        response.on('end', () => resolve(new Answer(response.statusCode ?? 0, response.headers, Buffer.concat(chunks))))
      },
    )
    request.setTimeout(60_000, () => request.destroy(new Error(`no answer in 60 s: ${ask.method ?? 'GET'} ${ask.path}`)))
    request.on('error', reject)
    request.end(body)
  })
}

/** `application/x-www-form-urlencoded` of pairs, in order. */
export function form(fields: Record<string, string | undefined> | [string, string][]): string {
  const pairs = Array.isArray(fields)
    ? fields
    : Object.entries(fields).filter((pair): pair is [string, string] => pair[1] !== undefined)
  return new URLSearchParams(pairs).toString()
}
