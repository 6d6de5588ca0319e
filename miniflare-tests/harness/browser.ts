// A browser without a screen: a cookie jar, honest Origin and Sec-Fetch headers, redirects one at a time.
import { Answer, form, send, type Ask, type Headers, type Peer } from './http.ts'

/** Name of the session cookie on http. */
export const SESSION = 'latchkey_session'

/** Name of the cookie that binds interactions and challenges to a browser, on http. */
export const BROWSER = 'latchkey_browser'

/** Name of the cookie that holds the accounts of a browser together, on http. */
export const ACCOUNTS = 'latchkey_accounts'

/** Headers of requests that the pages of other sites cause, as browsers send them. */
export const FOREIGN: Headers[] = [
  { origin: 'https://evil.example', 'sec-fetch-site': 'cross-site' },
  { origin: 'https://evil.example' },
  { origin: 'https://evil.example', 'sec-fetch-site': undefined },
  { origin: 'null', 'sec-fetch-site': 'cross-site' },
  { origin: 'null', 'sec-fetch-site': undefined },
  { 'sec-fetch-site': 'cross-site' },
  { 'sec-fetch-site': 'same-site' },
  { origin: undefined, 'sec-fetch-site': 'cross-site' },
]

/** A stored cookie with the attributes that matter here. */
export interface Cookie {
  name: string
  value: string
  path: string
  secure: boolean
  httpOnly: boolean
  sameSite: string | undefined
  domain: string | undefined
  maxAge: number | undefined
}

/** Reads one `Set-Cookie` line. */
export function parseSetCookie(line: string): Cookie {
  const [pair = '', ...rest] = line.split(';').map((part) => part.trim())
  const at = pair.indexOf('=')
  const attribute = (name: string) => {
    const found = rest.find((r) => r.toLowerCase() === name || r.toLowerCase().startsWith(`${name}=`))
    return found === undefined ? undefined : found.slice(name.length + 1)
  }
  const maxAge = attribute('max-age')
  return {
    name: pair.slice(0, at),
    value: pair.slice(at + 1),
    path: attribute('path') ?? '',
    secure: attribute('secure') !== undefined,
    httpOnly: attribute('httponly') !== undefined,
    sameSite: attribute('samesite'),
    domain: attribute('domain'),
    maxAge: maxAge === undefined ? undefined : Number(maxAge),
  }
}

/** The cookies of one host. */
export class Jar {
  readonly cookies = new Map<string, Cookie>()

  /** Takes the `Set-Cookie` lines of an answer. */
  take(answer: Answer): void {
    for (const cookie of answer.setCookies.map(parseSetCookie)) {
      if (cookie.maxAge !== undefined && cookie.maxAge <= 0) this.cookies.delete(cookie.name)
      else this.cookies.set(cookie.name, cookie)
    }
  }

  /** The `Cookie` header for a path, or undefined. */
  header(path: string): string | undefined {
    const fits = [...this.cookies.values()].filter((c) => path.startsWith(c.path || '/'))
    return fits.length === 0 ? undefined : fits.map((c) => `${c.name}=${c.value}`).join('; ')
  }
}

/** Anything that can be asked: an OP or an RP. */
export interface Site {
  url: string
  peer: Peer
}

/** One browser with one site's cookies. */
export class Browser {
  readonly jar = new Jar()

  constructor(readonly site: Site) {}

  /** Sends a request with this browser's cookies and keeps those that come back. */
  async send(ask: Ask): Promise<Answer> {
    const cookie = this.jar.header(ask.path.split('?')[0] ?? '/')
    const answer = await send(this.site.peer, { ...ask, headers: { ...(cookie ? { cookie } : {}), ...ask.headers } })
    this.jar.take(answer)
    return answer
  }

  /** Navigates to a path or to an address of this site. */
  get(address: string, headers: Headers = {}): Promise<Answer> {
    const path = this.path(address)
    return this.send({ path, headers: { 'sec-fetch-site': 'none', 'sec-fetch-mode': 'navigate', accept: 'text/html', ...headers } })
  }

  /** Submits a form of one of this site's pages. */
  post(address: string, fields: Record<string, string | undefined>, headers: Headers = {}): Promise<Answer> {
    return this.send({
      method: 'POST',
      path: this.path(address),
      body: form(fields),
      headers: {
        'content-type': 'application/x-www-form-urlencoded',
        origin: this.site.url,
        'sec-fetch-site': 'same-origin',
        'sec-fetch-mode': 'navigate',
        accept: 'text/html',
        ...headers,
      },
    })
  }

  /** Calls the JSON API as a script of this site does. */
  json(method: string, path: string, body?: unknown, headers: Headers = {}): Promise<Answer> {
    return this.send({
      method,
      path,
      ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
      headers: {
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        origin: this.site.url,
        'sec-fetch-site': 'same-origin',
        'sec-fetch-mode': 'cors',
        accept: 'application/json',
        ...headers,
      },
    })
  }

  /** Path and query of an address of this site; another site's address is an error. */
  path(address: string): string {
    if (address.startsWith('/')) return address
    const url = new URL(address)
    if (url.origin !== this.site.url) throw new Error(`not this site's address: ${address}`)
    return url.pathname + url.search
  }

  /** Whether an address belongs to this site. */
  owns(address: string): boolean {
    return address.startsWith('/') || new URL(address).origin === this.site.url
  }

  /** The session cookie, by either of its names. */
  get session(): Cookie | undefined {
    return this.jar.cookies.get(SESSION) ?? this.jar.cookies.get(`__Host-${SESSION}`)
  }
}
