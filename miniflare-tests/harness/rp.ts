// A small relying party that uses openid-client, on a port of its own.
import { createServer, type Server } from 'node:http'
import { text } from 'node:stream/consumers'
import * as oc from 'openid-client'
import type { Client } from './flows.ts'

/** A running RP. */
export interface Rp {
  /** `http://127.0.0.1:<port>`: another site than the OP's `localhost`, so cookies do not mix. */
  url: string
  callback: string
  signedOut: string
  /** Tells it who it is; before that it answers 503. */
  configure(issuer: string, client: Client): Promise<void>
  /** What the last sign-in gave. */
  last(): { claims: oc.IDToken; userinfo: oc.UserInfoResponse; tokens: oc.TokenEndpointResponse } | undefined
  stop(): Promise<void>
}

const page = (title: string, body: string) =>
  `<!doctype html><html lang="en"><meta charset="utf-8"><title>${title}</title><main><h1>${title}</h1>${body}</main></html>`

/** Starts it. Pages: `/` (a link), `/login`, `/callback`, `/logout`, `/signed-out`. */
export async function startRp(): Promise<Rp> {
  let config: oc.Configuration | undefined
  let last: ReturnType<Rp['last']>
  let base = ''
  const pending = new Map<string, { verifier: string; nonce: string }>()
  const server: Server = createServer((ask, answer) => {
    const html = (status: number, body: string) => answer.writeHead(status, { 'content-type': 'text/html; charset=utf-8' }).end(body)
    const go = (to: string | URL) => answer.writeHead(302, { location: String(to) }).end()
    const handle = async () => {
      const url = new URL(ask.url ?? '/', base)
      if (!config) return html(503, page('Not configured', ''))
      if (url.pathname === '/') return html(200, page('App', '<a href="/login">Sign in</a>'))
      if (url.pathname === '/login') {
        const verifier = oc.randomPKCECodeVerifier()
        const state = oc.randomState()
        const nonce = oc.randomNonce()
        pending.set(state, { verifier, nonce })
        const extra = Object.fromEntries(url.searchParams)
        return go(
          oc.buildAuthorizationUrl(config, {
            redirect_uri: `${base}/callback`, scope: 'openid profile email groups', state, nonce,
            code_challenge: await oc.calculatePKCECodeChallenge(verifier), code_challenge_method: 'S256', ...extra,
          }),
        )
      }
      if (url.pathname === '/callback') {
        const body = ask.method === 'POST' ? await text(ask) : ''
        const back = ask.method === 'POST' ? new Request(url, { method: 'POST', body, headers: { 'content-type': 'application/x-www-form-urlencoded' } }) : url
        const state = (ask.method === 'POST' ? new URLSearchParams(body) : url.searchParams).get('state') ?? ''
        const known = pending.get(state)
        pending.delete(state)
        if (!known) return html(400, page('Unknown state', ''))
        const tokens = await oc.authorizationCodeGrant(config, back, { pkceCodeVerifier: known.verifier, expectedState: state, expectedNonce: known.nonce, idTokenExpected: true })
        const claims = tokens.claims()!
        last = { claims, tokens, userinfo: await oc.fetchUserInfo(config, tokens.access_token, claims.sub) }
        return html(200, page('Signed in', `<p id="name">${String(claims.preferred_username)}</p><a href="/logout">Sign out</a>`))
      }
      if (url.pathname === '/logout' && last) {
        return go(oc.buildEndSessionUrl(config, { post_logout_redirect_uri: `${base}/signed-out`, id_token_hint: last.tokens.id_token!, state: 'bye' }))
      }
      if (url.pathname === '/signed-out') return html(200, page('Signed out', `<p id="state">${url.searchParams.get('state') === 'bye' ? 'bye' : ''}</p>`))
      return html(404, page('Not found', ''))
    }
    handle().catch((error: unknown) => {
      const code = error instanceof oc.AuthorizationResponseError || error instanceof oc.ResponseBodyError ? error.error : String(error)
      html(400, page('Refused', `<p id="error">${code.replaceAll('<', '&lt;')}</p>`))
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  base = `http://127.0.0.1:${address && typeof address === 'object' ? address.port : 0}`
  return {
    url: base,
    callback: `${base}/callback`,
    signedOut: `${base}/signed-out`,
    configure: async (issuer, client) => {
      const auth = client.secret === undefined ? oc.None() : oc.ClientSecretBasic(client.secret)
      config = await oc.discovery(new URL(issuer), client.id, undefined, auth, { execute: [oc.allowInsecureRequests] })
    },
    last: () => last,
    stop: async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
