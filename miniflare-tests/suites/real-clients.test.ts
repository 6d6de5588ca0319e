// Independent relying-party libraries, unchanged and with all their checks on. The clock is left alone here.
import assert from 'node:assert/strict'
import * as o from 'oauth4webapi'
import * as oc from 'openid-client'
import { Browser } from '../harness/browser.ts'
import { createClient, delivered, follow, setupAdmin, signedIn, signIn, type Client, type Person } from '../harness/flows.ts'
import { subject, test } from '../harness/test.ts'

const op = subject()
const CB = 'http://127.0.0.1:9/callback'
const BYE = 'http://127.0.0.1:9/signed-out'
let admin: Person

const clientFor = (fields: Record<string, unknown> = {}) => createClient(admin.browser, { callbackURLs: [CB], logoutCallbackURLs: [BYE], ...fields })

/** Sends the person to an address of the OP and gives the address they come back to. */
async function visit(browser: Browser, url: URL): Promise<URL> {
  const answer = await follow(browser, await browser.get(url.href), { authenticator: admin.authenticator })
  delivered(answer, CB)
  return new URL(answer.location)
}

test('openid-client: code, PKCE, state and nonce with each way of client authentication; userinfo, refresh, end of session', async () => {
  admin = await setupAdmin(op)
  const ways: [string, Client, (c: Client) => oc.ClientAuth][] = [
    ['client_secret_basic', await clientFor(), (c) => oc.ClientSecretBasic(c.secret!)],
    ['client_secret_post', await clientFor(), (c) => oc.ClientSecretPost(c.secret!)],
    ['none', await clientFor({ isPublic: true }), () => oc.None()],
  ]
  for (const [way, client, auth] of ways) {
    const config = await oc.discovery(new URL(op.url), client.id, undefined, auth(client), { execute: [oc.allowInsecureRequests] })
    assert.equal(config.serverMetadata().issuer, op.url)
    const verifier = oc.randomPKCECodeVerifier()
    const state = oc.randomState()
    const nonce = oc.randomNonce()
    const browser = await signIn(op, admin.authenticator)
    const back = await visit(browser, oc.buildAuthorizationUrl(config, {
      redirect_uri: CB, scope: 'openid profile email groups offline_access', state, nonce, max_age: '600',
      code_challenge: await oc.calculatePKCECodeChallenge(verifier), code_challenge_method: 'S256',
    }))
    const tokens = await oc.authorizationCodeGrant(config, back, { pkceCodeVerifier: verifier, expectedState: state, expectedNonce: nonce, maxAge: 600, idTokenExpected: true })
    const claims = tokens.claims()!
    assert.equal(claims.preferred_username, 'ada', way)
    assert.deepEqual(claims.groups, [])
    assert.deepEqual(claims.amr, ['phr', 'swk'])
    const info = await oc.fetchUserInfo(config, tokens.access_token, claims.sub)
    assert.equal(info.email, 'ada@example.com')
    const again = await oc.refreshTokenGrant(config, tokens.refresh_token!)
    assert.notEqual(again.refresh_token, tokens.refresh_token)
    assert.equal(again.claims()!.sub, claims.sub)
    assert.equal((await oc.fetchUserInfo(config, again.access_token, claims.sub)).sub, claims.sub)
    const bye = await browser.get(oc.buildEndSessionUrl(config, { post_logout_redirect_uri: BYE, id_token_hint: again.id_token!, state: 'bye' }).href)
    assert.equal(bye.location, `${BYE}?state=bye`)
    assert.equal(await signedIn(browser), false)
    await assert.rejects(oc.refreshTokenGrant(config, again.refresh_token!), (e: any) => e.error === 'invalid_grant')
  }
})

test('openid-client: errors come back as errors', async () => {
  const client = await clientFor()
  const config = await oc.discovery(new URL(op.url), client.id, undefined, oc.ClientSecretBasic(client.secret!), { execute: [oc.allowInsecureRequests] })
  const verifier = oc.randomPKCECodeVerifier()
  const state = oc.randomState()
  const params = { redirect_uri: CB, scope: 'openid', state, code_challenge: await oc.calculatePKCECodeChallenge(verifier), code_challenge_method: 'S256' }
  const none = await visit(new Browser(op), oc.buildAuthorizationUrl(config, { ...params, prompt: 'none' }))
  await assert.rejects(oc.authorizationCodeGrant(config, none, { pkceCodeVerifier: verifier, expectedState: state }), (e: any) => e instanceof oc.AuthorizationResponseError && e.error === 'login_required')
  const ok = await visit(await signIn(op, admin.authenticator), oc.buildAuthorizationUrl(config, params))
  await assert.rejects(oc.authorizationCodeGrant(config, ok, { pkceCodeVerifier: oc.randomPKCECodeVerifier(), expectedState: state }), (e: any) => e instanceof oc.ResponseBodyError && e.error === 'invalid_grant')
  const wrong = await oc.discovery(new URL(op.url), client.id, undefined, oc.ClientSecretBasic('wrong-secret'), { execute: [oc.allowInsecureRequests] })
  await assert.rejects(oc.authorizationCodeGrant(wrong, ok, { pkceCodeVerifier: verifier, expectedState: state }), (e: any) => e.error === 'invalid_client' || e.cause?.[0]?.scheme === 'basic')
  assert.ok((await oc.authorizationCodeGrant(config, ok, { pkceCodeVerifier: verifier, expectedState: state })).access_token, 'neither mistake used the code up')
})

test('openid-client: form_post', async () => {
  const client = await clientFor()
  const config = await oc.discovery(new URL(op.url), client.id, undefined, oc.ClientSecretBasic(client.secret!), { execute: [oc.allowInsecureRequests] })
  const verifier = oc.randomPKCECodeVerifier()
  const state = oc.randomState()
  const url = oc.buildAuthorizationUrl(config, { redirect_uri: CB, scope: 'openid', state, response_mode: 'form_post', code_challenge: await oc.calculatePKCECodeChallenge(verifier), code_challenge_method: 'S256' })
  const browser = await signIn(op, admin.authenticator)
  const fields = delivered(await follow(browser, await browser.get(url.href)), CB, 'form_post')
  const request = new Request(CB, { method: 'POST', headers: { 'content-type': 'application/x-www-form-urlencoded' }, body: new URLSearchParams(fields).toString() })
  const tokens = await oc.authorizationCodeGrant(config, request, { pkceCodeVerifier: verifier, expectedState: state, idTokenExpected: true })
  assert.ok(tokens.claims()!.sub)
})

test('oauth4webapi: metadata, code, ID token signature by the key set, userinfo, refresh', async () => {
  const insecure = { [o.allowInsecureRequests]: true }
  const issuer = new URL(op.url)
  for (const algorithm of ['oidc', 'oauth2'] as const) {
    const as = await o.processDiscoveryResponse(issuer, await o.discoveryRequest(issuer, { algorithm, ...insecure }))
    const registered = await clientFor()
    const client: o.Client = { client_id: registered.id }
    const auth = o.ClientSecretPost(registered.secret!)
    const verifier = o.generateRandomCodeVerifier()
    const state = o.generateRandomState()
    const nonce = o.generateRandomNonce()
    const url = new URL(as.authorization_endpoint!)
    for (const [k, v] of Object.entries({ client_id: registered.id, redirect_uri: CB, response_type: 'code', scope: 'openid email', state, nonce, code_challenge: await o.calculatePKCECodeChallenge(verifier), code_challenge_method: 'S256' })) url.searchParams.set(k, v)
    const params = o.validateAuthResponse(as, client, await visit(await signIn(op, admin.authenticator), url), state)
    const response = await o.authorizationCodeGrantRequest(as, client, auth, params, CB, verifier, insecure)
    const tokens = await o.processAuthorizationCodeResponse(as, client, response, { expectedNonce: nonce, requireIdToken: true })
    await o.validateApplicationLevelSignature(as, response, insecure)
    const claims = o.getValidatedIdTokenClaims(tokens)!
    const info = await o.processUserInfoResponse(as, client, claims.sub, await o.userInfoRequest(as, client, tokens.access_token, insecure))
    assert.equal(info.email, 'ada@example.com')
    const refreshed = await o.processRefreshTokenResponse(as, client, await o.refreshTokenGrantRequest(as, client, auth, tokens.refresh_token!, insecure))
    assert.equal(o.getValidatedIdTokenClaims(refreshed)?.sub, claims.sub)
    await o.validateJwtAccessToken(as, new Request('http://api.test', { headers: { authorization: `Bearer ${tokens.access_token}` } }), op.url, insecure)
  }
})

test('openid-client: buildAuthorizationUrlWithPAR with each way of client authentication', async () => {
  const ways: [Client, (c: Client) => oc.ClientAuth][] = [
    [await clientFor({ requiresPushedAuthorizationRequests: true }), (c) => oc.ClientSecretBasic(c.secret!)],
    [await clientFor({ requiresPushedAuthorizationRequests: true }), (c) => oc.ClientSecretPost(c.secret!)],
    [await clientFor({ requiresPushedAuthorizationRequests: true, isPublic: true }), () => oc.None()],
  ]
  for (const [client, auth] of ways) {
    const config = await oc.discovery(new URL(op.url), client.id, undefined, auth(client), { execute: [oc.allowInsecureRequests] })
    const verifier = oc.randomPKCECodeVerifier()
    const state = oc.randomState()
    const params = { redirect_uri: CB, scope: 'openid email', state, code_challenge: await oc.calculatePKCECodeChallenge(verifier), code_challenge_method: 'S256' }
    const url = await oc.buildAuthorizationUrlWithPAR(config, params)
    assert.deepEqual([...url.searchParams.keys()].sort(), ['client_id', 'request_uri'])
    const back = await visit(await signIn(op, admin.authenticator), url)
    const tokens = await oc.authorizationCodeGrant(config, back, { pkceCodeVerifier: verifier, expectedState: state, idTokenExpected: true })
    assert.ok(tokens.claims()!.sub)
    await assert.rejects(oc.buildAuthorizationUrlWithPAR(config, { ...params, prompt: 'later' }), (e: any) => e.error === 'invalid_request')
  }
})
