// An Express app that signs people in with Auth.js. Settings come from the environment.
import { ExpressAuth, getSession } from '@auth/express'
import { randomBytes } from 'node:crypto'
import express from 'express4'

const { ISSUER, CLIENT_ID, CLIENT_SECRET, AUTH_METHOD, PORT } = process.env

const config = {
  secret: randomBytes(32).toString('hex'),
  trustHost: true,
  providers: [{
    id: 'latchkey',
    name: 'Latchkey',
    type: 'oidc',
    issuer: ISSUER,
    clientId: CLIENT_ID,
    clientSecret: CLIENT_SECRET,
    client: { token_endpoint_auth_method: AUTH_METHOD },
    authorization: { params: { scope: 'openid profile email groups' } },
    checks: ['pkce', 'state', 'nonce'],
  }],
  callbacks: {
    // What the ID token says, beside Auth.js's own name, email and picture.
    jwt: ({ token, profile }) => (profile ? { ...token, claims: profile } : token),
    session: ({ session, token }) => ({ ...session, claims: token.claims }),
  },
}

const app = express()
app.use('/auth/*', ExpressAuth(config))
app.get('/', async (request, response) => {
  const session = await getSession(request, config)
  if (session) response.json(session)
  else response.redirect('/auth/signin')
})
app.listen(Number(PORT), '127.0.0.1')
