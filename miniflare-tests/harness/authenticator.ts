// A software authenticator whose every field can be made wrong. CBOR is written by hand (RFC 8949, CTAP2 canonical form).
import crypto from 'node:crypto'

/** COSE algorithm numbers that it can make. */
export type Alg = -7 | -8 | -257

const UP = 0x01
const UV = 0x04
const BE = 0x08
const BS = 0x10
const AT = 0x40

/** How to deviate from what an honest client and authenticator send. */
export interface Knobs {
  up?: boolean
  uv?: boolean
  be?: boolean
  bs?: boolean
  /** Value of the counter instead of the next one. */
  counter?: number
  origin?: string
  type?: string
  rpId?: string
  challenge?: string
  crossOrigin?: boolean
  topOrigin?: string
  /** Base64url user handle, or null for none. */
  userHandle?: string | null
  /** Spoils the signature: one flipped bit, none at all, or made with another key. */
  signature?: 'flip' | 'empty' | 'other-key'
  /** Last change of the answer before it is handed over. */
  edit?: (response: any) => void
  /** Algorithm of a new credential, even one that was not offered. */
  alg?: Alg
  /** Changes the new credential's attestation object. */
  attestation?: (parts: { fmt: string; attStmt: Cbor; authData: Buffer }) => { fmt: string; attStmt: Cbor; authData: Buffer }
  /** Credential id of a new credential. */
  credentialId?: Buffer
  /** COSE key of a new credential, instead of the true one. */
  coseKey?: Map<number, Cbor>
  /** Sends an Ed25519, P-256 or RSA key with these bits. */
  rsaBits?: number
}

/** A resident credential. */
export interface Credential {
  id: Buffer
  rpId: string
  userHandle: string
  userName: string
  alg: Alg
  privateKey: crypto.KeyObject
  counter: number
  be: boolean
  bs: boolean
}

/** What the CBOR writer takes. */
export type Cbor = number | string | boolean | Buffer | Cbor[] | Map<number | string, Cbor>

/** Canonical CBOR; map entries are written in insertion order, which the caller makes canonical. */
export function cbor(value: Cbor): Buffer {
  const head = (major: number, n: number): Buffer => {
    const m = major << 5
    if (n < 24) return Buffer.from([m | n])
    if (n < 0x100) return Buffer.from([m | 24, n])
    if (n < 0x10000) return Buffer.from([m | 25, n >> 8, n & 0xff])
    const b = Buffer.alloc(5)
    b[0] = m | 26
    b.writeUInt32BE(n, 1)
    return b
  }
  if (typeof value === 'number') return value >= 0 ? head(0, value) : head(1, -1 - value)
  if (typeof value === 'boolean') return Buffer.from([value ? 0xf5 : 0xf4])
  if (typeof value === 'string') {
    const bytes = Buffer.from(value)
    return Buffer.concat([head(3, bytes.length), bytes])
  }
  if (Buffer.isBuffer(value)) return Buffer.concat([head(2, value.length), value])
  if (Array.isArray(value)) return Buffer.concat([head(4, value.length), ...value.map(cbor)])
  return Buffer.concat([head(5, value.size), ...[...value].flatMap(([k, v]) => [cbor(k), cbor(v)])])
}

const b64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64url')
const sha256 = (bytes: Uint8Array | string): Buffer => crypto.createHash('sha256').update(bytes).digest()

function newKey(alg: Alg, rsaBits = 2048): { privateKey: crypto.KeyObject; cose: Map<number, Cbor> } {
  if (alg === -7) {
    const { privateKey, publicKey } = crypto.generateKeyPairSync('ec', { namedCurve: 'P-256' })
    const jwk = publicKey.export({ format: 'jwk' })
    const x = Buffer.from(jwk.x!, 'base64url')
    const y = Buffer.from(jwk.y!, 'base64url')
    return { privateKey, cose: new Map<number, Cbor>([[1, 2], [3, -7], [-1, 1], [-2, x], [-3, y]]) }
  }
  if (alg === -8) {
    const { privateKey, publicKey } = crypto.generateKeyPairSync('ed25519')
    const x = Buffer.from(publicKey.export({ format: 'jwk' }).x!, 'base64url')
    return { privateKey, cose: new Map<number, Cbor>([[1, 1], [3, -8], [-1, 6], [-2, x]]) }
  }
  const { privateKey, publicKey } = crypto.generateKeyPairSync('rsa', { modulusLength: rsaBits, publicExponent: 0x10001 })
  const jwk = publicKey.export({ format: 'jwk' })
  const n = Buffer.from(jwk.n!, 'base64url')
  const e = Buffer.from(jwk.e!, 'base64url')
  return { privateKey, cose: new Map<number, Cbor>([[1, 3], [3, -257], [-1, n], [-2, e]]) }
}

function signWith(alg: Alg, key: crypto.KeyObject, data: Buffer): Buffer {
  if (alg === -8) return crypto.sign(null, data, key)
  return crypto.sign('sha256', data, key)
}

/** One authenticator, with the client that talks for it. */
export class Authenticator {
  readonly credentials: Credential[] = []

  /** `backup` is BE and BS of new credentials. */
  constructor(readonly origin: string, readonly backup = true) {}

  /** `navigator.credentials.create(…).toJSON()` for PublicKeyCredentialCreationOptionsJSON. */
  create(options: any, knobs: Knobs = {}): any {
    const offered: Alg[] = options.pubKeyCredParams.map((p: any) => p.alg)
    const alg = knobs.alg ?? offered.find((a) => a === -7 || a === -8 || a === -257)
    if (alg === undefined) throw new Error(`no algorithm in common with ${offered.join(', ')}`)
    for (const excluded of options.excludeCredentials ?? []) {
      if (this.credentials.some((c) => b64(c.id) === excluded.id)) throw new Error('InvalidStateError: already registered')
    }
    const rpId = options.rp.id ?? new URL(this.origin).hostname
    const { privateKey, cose } = newKey(alg, knobs.rsaBits)
    const credential: Credential = {
      id: knobs.credentialId ?? crypto.randomBytes(32),
      rpId,
      userHandle: options.user.id,
      userName: options.user.name,
      alg,
      privateKey,
      counter: 0,
      be: knobs.be ?? this.backup,
      bs: knobs.bs ?? this.backup,
    }
    const length = Buffer.alloc(2)
    length.writeUInt16BE(credential.id.length)
    const authData = Buffer.concat([
      this.authenticatorData(credential, knobs, AT),
      Buffer.alloc(16),
      length,
      credential.id,
      cbor(knobs.coseKey ?? cose),
    ])
    let parts: { fmt: string; attStmt: Cbor; authData: Buffer } = { fmt: 'none', attStmt: new Map(), authData }
    if (knobs.attestation) parts = knobs.attestation(parts)
    const attestationObject = cbor(
      new Map<string, Cbor>([['fmt', parts.fmt], ['attStmt', parts.attStmt], ['authData', parts.authData]]),
    )
    const response = {
      id: b64(credential.id),
      rawId: b64(credential.id),
      type: 'public-key',
      authenticatorAttachment: 'platform',
      clientExtensionResults: options.extensions?.credProps ? { credProps: { rk: true } } : {},
      response: {
        clientDataJSON: b64(this.clientData('webauthn.create', options.challenge, knobs)),
        attestationObject: b64(attestationObject),
        authenticatorData: b64(parts.authData),
        publicKeyAlgorithm: alg,
        transports: ['internal'],
      },
    }
    knobs.edit?.(response)
    this.credentials.push(credential)
    return response
  }

  /** `navigator.credentials.get(…).toJSON()` for PublicKeyCredentialRequestOptionsJSON; the newest credential answers unless one is named. */
  get(options: any, knobs: Knobs = {}, use?: Credential): any {
    const rpId = options.rpId ?? new URL(this.origin).hostname
    const allowed: string[] = (options.allowCredentials ?? []).map((c: any) => c.id)
    const credential =
      use ?? this.credentials.findLast((c) => c.rpId === rpId && (allowed.length === 0 || allowed.includes(b64(c.id))))
    if (!credential) throw new Error(`NotAllowedError: no credential for ${rpId}`)
    credential.counter = knobs.counter ?? credential.counter + 1
    const authenticatorData = this.authenticatorData(credential, knobs, 0)
    const clientData = this.clientData('webauthn.get', options.challenge, knobs)
    const signed = Buffer.concat([authenticatorData, sha256(clientData)])
    const key = knobs.signature === 'other-key' ? newKey(credential.alg).privateKey : credential.privateKey
    let signature = signWith(credential.alg, key, signed)
    if (knobs.signature === 'flip') signature[signature.length - 1]! ^= 1
    if (knobs.signature === 'empty') signature = Buffer.alloc(0)
    const userHandle = knobs.userHandle === undefined ? credential.userHandle : knobs.userHandle
    const response = {
      id: b64(credential.id),
      rawId: b64(credential.id),
      type: 'public-key',
      authenticatorAttachment: 'platform',
      clientExtensionResults: {},
      response: {
        clientDataJSON: b64(clientData),
        authenticatorData: b64(authenticatorData),
        signature: b64(signature),
        ...(userHandle === null ? {} : { userHandle }),
      },
    }
    knobs.edit?.(response)
    return response
  }

  private authenticatorData(credential: Credential, knobs: Knobs, extra: number): Buffer {
    const flags =
      (knobs.up === false ? 0 : UP) |
      (knobs.uv === false ? 0 : UV) |
      ((knobs.be ?? credential.be) ? BE : 0) |
      ((knobs.bs ?? credential.bs) ? BS : 0) |
      extra
    const counter = Buffer.alloc(4)
    counter.writeUInt32BE(knobs.counter ?? credential.counter)
    return Buffer.concat([sha256(knobs.rpId ?? credential.rpId), Buffer.from([flags]), counter])
  }

  private clientData(type: string, challenge: string, knobs: Knobs): Buffer {
    return Buffer.from(
      JSON.stringify({
        type: knobs.type ?? type,
        challenge: knobs.challenge ?? challenge,
        origin: knobs.origin ?? this.origin,
        crossOrigin: knobs.crossOrigin ?? false,
        ...(knobs.topOrigin === undefined ? {} : { topOrigin: knobs.topOrigin }),
      }),
    )
  }
}
