// Keys and signatures of apps, by Node's own crypto.
import crypto from 'node:crypto'

/** Algorithms that the tests sign with. */
export type Alg = 'ES256' | 'RS256' | 'EdDSA' | 'HS256'

/** A key pair, or for HS256 a shared secret. */
export interface Pair {
  alg: Alg
  /** Public JWK; for HS256 the secret one. */
  jwk: crypto.JsonWebKey
  privateJwk: crypto.JsonWebKey
  sign(input: string): Buffer
}

/** Makes a key pair. */
export function newPair(alg: Alg = 'ES256'): Pair {
  if (alg === 'HS256') {
    const secret = crypto.randomBytes(32)
    const jwk = { kty: 'oct', k: secret.toString('base64url') }
    return { alg, jwk, privateJwk: jwk, sign: (input) => crypto.createHmac('sha256', secret).update(input).digest() }
  }
  const pair =
    alg === 'ES256' ? crypto.generateKeyPairSync('ec', { namedCurve: 'P-256' })
    : alg === 'RS256' ? crypto.generateKeyPairSync('rsa', { modulusLength: 2048 })
    : crypto.generateKeyPairSync('ed25519')
  return {
    alg,
    jwk: pair.publicKey.export({ format: 'jwk' }),
    privateJwk: pair.privateKey.export({ format: 'jwk' }),
    sign: (input) => crypto.sign(alg === 'EdDSA' ? null : 'sha256', Buffer.from(input), { key: pair.privateKey, dsaEncoding: 'ieee-p1363' }),
  }
}

/** RFC 7638. */
export function thumbprint(jwk: crypto.JsonWebKey): string {
  const names = { EC: ['crv', 'kty', 'x', 'y'], RSA: ['e', 'kty', 'n'], OKP: ['crv', 'kty', 'x'] }[jwk.kty ?? ''] ?? ['k', 'kty']
  const required = Object.fromEntries(names.map((name) => [name, (jwk as Record<string, unknown>)[name]]))
  return crypto.createHash('sha256').update(JSON.stringify(required)).digest('base64url')
}

/** A compact JWS. Members that are undefined are left out. */
export function sign(pair: Pair, header: object, claims: object): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const input = `${part(header)}.${part(claims)}`
  return `${input}.${pair.sign(input).toString('base64url')}`
}

/** Whether a JWT is signed by one of these keys: what an app does that holds a copy of the key set. */
export function verifies(jwt: string, set: { keys: any[] }): boolean {
  const [header = '', payload = '', signature = ''] = jwt.split('.')
  const { kid, alg } = JSON.parse(Buffer.from(header, 'base64url').toString())
  const jwk = set.keys.find((k) => k.kid === kid && k.alg === alg)
  if (!jwk) return false
  const key = crypto.createPublicKey({ key: jwk, format: 'jwk' })
  return crypto.verify(alg === 'EdDSA' ? null : 'sha256', Buffer.from(`${header}.${payload}`), { key, dsaEncoding: 'ieee-p1363' }, Buffer.from(signature, 'base64url'))
}
