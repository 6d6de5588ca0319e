// The table of real apps, `docs/integrations/profiles.json`, which the pages beside it are made from too.
import { readFileSync } from 'node:fs'

/** How a client authenticates at the token endpoint. */
export type TokenAuth = 'client_secret_basic' | 'client_secret_post' | 'none'

/** One client of an app, with every field filled in. */
export interface ClientProfile {
  /** Which of the app's clients it is; empty for its only one. */
  label: string
  /** The id it insists on. */
  clientId?: string
  callbacks: string[]
  /** Redirect URIs it really sends. */
  sends: string[]
  logoutCallbacks: string[]
  backchannelLogout?: string
  public: boolean
  tokenAuth: TokenAuth[]
  secretEncoding: 'form' | 'raw'
  pkce: 'S256' | 'none'
  scopes: string
  responseMode: string | null
  idTokenAlg: string
  claims: { from: ('id_token' | 'userinfo')[]; needs: string[] }
  userinfoBy: 'GET' | 'POST' | 'POST-form'
  state: boolean
  nonce: boolean
  refresh: boolean
  browserApp: boolean
  authorizeExtra: Record<string, string>
  tokenExtra: Record<string, string>
  logout: 'redirect' | 'bare' | 'none'
  unconfirmed: string[]
}

/** An app or proxy. */
export interface Profile {
  id: string
  name: string
  kind: 'app' | 'proxy'
  customClaims: Record<string, string>
  unconfirmed: string[]
  clients: ClientProfile[]
}

type Row = Record<string, unknown> & { clients?: Record<string, unknown>[] }

const table = JSON.parse(readFileSync(new URL('../../docs/integrations/profiles.json', import.meta.url), 'utf8')) as {
  defaults: Record<string, unknown>
  profiles: Row[]
}

/** All rows, with defaults filled in. */
export const PROFILES: Profile[] = table.profiles.map((row) => {
  const { clients = [{}], ...own } = row
  const whole = { ...table.defaults, ...own }
  const filled = clients.map((client): unknown => {
    const one: Record<string, unknown> = { label: '', ...whole, ...client }
    return { ...one, sends: client.sends ?? (client.callbacks === undefined ? own.sends : undefined) ?? one.callbacks }
  })
  return { ...whole, clients: filled } as unknown as Profile
})
