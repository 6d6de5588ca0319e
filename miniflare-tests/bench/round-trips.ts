// How often each endpoint goes to the store: at the edge every time is a round trip. Counted by the adapter, so the
// subject is a build with test hooks. The keys are in memory by then; a minute later they are read once more.
import assert from 'node:assert/strict'
import {
  addPerson, answerPasskey, authorizePath, createClient, delivered, getTokens, press, redeem, refresh, request,
  setupAdmin, signIn, userinfo,
} from '../harness/flows.ts'
import { Browser } from '../harness/browser.ts'
import type { Answer } from '../harness/http.ts'
import { startOp, SUBJECT } from '../harness/subject.ts'
import { progress, row } from './measure.ts'

progress(`round trips on ${SUBJECT}`)
const op = await startOp()
const batches = async (): Promise<number> => (await op.send({ path: '/__test/stats' })).json().db_batches

const counts: [string, number][] = []
/** Counts what one request needs; it has to be answered with this status. */
async function count(what: string, status: number, ask: () => Promise<Answer>): Promise<Answer> {
  const before = await batches()
  const answer = await ask()
  const after = await batches()
  assert.equal(answer.status, status, `${what}: ${answer.text}`)
  counts.push([what, after - before])
  return answer
}

try {
  const admin = await setupAdmin(op)
  const client = await createClient(admin.browser)
  const asked = request(client)
  await getTokens(op, admin, client)

  const anonymous = new Browser(op)
  const away = await count('GET /authorize, anonymous', 303, () => anonymous.get(authorizePath(asked.params)))
  const page = await count('GET /interaction, sign-in', 200, () => anonymous.get(away.location))
  const bob = await addPerson(op, admin, 'bob')
  await count('POST /login, into an interaction', 303, () => answerPasskey(anonymous, page.text, bob.authenticator))
  const resumed = await count('GET /authorize, resumed', 303, () => anonymous.get(`/authorize?interaction=${new URL(away.location, op.url).searchParams.get('interaction')}`))
  const consent = await count('GET /interaction, consent', 200, () => anonymous.get(resumed.location))
  const allowed = await count('POST /interaction, allow', 303, () => press(anonymous, consent.text, 'allow'))
  const granted = await count('GET /authorize, resumed, to the code', 303, () => anonymous.get(allowed.location))
  delivered(granted, client.redirectUri)

  const again = request(client)
  const silent = await count('GET /authorize, signed in, to the code', 303, () => admin.browser.get(authorizePath(again.params)))
  const grant = { code: delivered(silent, client.redirectUri).code ?? '', request: again, client }
  const tokens = (await count('POST token, authorization_code', 200, () => redeem(op, grant))).json()
  await count('POST token, refresh_token', 200, () => refresh(op, client, tokens.refresh_token))
  await count('GET userinfo', 200, () => userinfo(op, tokens.access_token))
  await count('GET JWKS', 200, () => op.send({ path: '/.well-known/jwks.json' }))
  await count('GET discovery', 200, () => op.send({ path: '/.well-known/openid-configuration' }))
  await count('GET /login', 200, () => new Browser(op).get('/login'))
  await count('GET /settings/account', 200, () => admin.browser.get('/settings/account'))
  await count('GET clients', 200, () => admin.browser.json('GET', '/api/oidc/clients'))
  await count('GET client', 200, () => admin.browser.json('GET', `/api/oidc/clients/${client.id}`))
  await count('POST clients', 201, () => admin.browser.json('POST', '/api/oidc/clients', { name: 'Another', callbackURLs: [client.redirectUri] }))
  const leaving = await signIn(op, admin.authenticator)
  await count('GET end-session, with a hint', 303, () => leaving.get(`/api/oidc/end-session?id_token_hint=${tokens.id_token}`))
} finally {
  await op.stop()
}
const most = Math.max(...counts.map(([, n]) => n))
row(`round trips on ${SUBJECT}, most`, String(most), '≤ 2', counts.map(([what, n]) => `${what}: ${n}`).join('; '))
