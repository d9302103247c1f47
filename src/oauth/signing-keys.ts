import { type KeyObject, createPrivateKey, createPublicKey, generateKeyPair, randomUUID } from "node:crypto"
import { type Config, ConfigError } from "../platform/config.ts"
import type { CommandBus } from "../platform/command-bus.ts"
import type { EventStore } from "../platform/event-store.ts"
import type { Projections } from "../projections/projections.ts"
import type { Vault } from "../platform/vault.ts"
import { oauthActor } from "./oauth-actor.ts"
import { GatehouseError } from "../errors.ts"
import type { SigningKey } from "../events/signing-key.ts"
import { activeKeys } from "../projections/signing-key-order.ts"
import { all } from "../events/world.ts"
import { calculateJwkThumbprint } from "jose"
import { promisify } from "node:util"

type Algorithm = SigningKey["algorithm"]

/** A key that signs, opened. */
export interface Signer {
  readonly kid: string
  readonly algorithm: Algorithm
  readonly privateKey: KeyObject
}

/** A command that publishes a new key. */
export interface KeyAddition {
  readonly type: "AddSigningKey"
  readonly data: { readonly kid: string; readonly activates_at: string } & Readonly<Record<string, unknown>>
  readonly asked: unknown
  readonly secrets: Readonly<Record<string, string>>
}

/** The keys that sign access tokens (RFC 7517); their public parts are events, their private parts in the vault. */
export interface SigningKeys {
  /**
   * Sees to it that a key of the configured algorithm exists: the imported one, or a new one. Nodes that start together agree
   * on one key. @throws ConfigError when the key to import cannot be used; GatehouseError `store_unavailable`
   */
  ensure(): Promise<void>
  /**
   * The command of a new key, which signs when every verifier can have it; refused while another new key waits. The present key is
   * retired by hygiene when its last token has expired.
   */
  rotation(): Promise<KeyAddition>
  /** The newest active key. @throws GatehouseError `store_unavailable` when there is none yet or it cannot be fetched */
  signer(): Promise<Signer>
}

interface Parts {
  readonly config: Config
  readonly projections: Projections
  readonly bus: CommandBus
  readonly store: Pick<EventStore, "secret">
  readonly vault: Vault
  readonly clock: () => Date
}

/** A later key is published this long before it signs, so that every verifier's copy of the key set has it. */
const publishedAheadMs = 600_000

/** Signing keys over log and vault. */
export function signingKeys(parts: Parts): SigningKeys {
  const { config, projections, store, vault, clock } = parts
  const opened = new Map<string, KeyObject>()
  const present = () => [...all(projections.world, "signing-key")]
  return {
    async ensure() {
      const algorithm = config.OAUTH_JWT_ALGORITHM
      const newest = () => activeKeys(present(), Infinity)[0]
      const fits = () => newest()?.algorithm === algorithm
      if (fits()) return
      const first = present().length === 0
      const privateKey =
        (first && importedKey(config.OAUTH_JWT_PRIVATE_KEY_B64, algorithm)) || (await newKey(algorithm))
      const activatesAt = new Date(clock().getTime() + (first ? 0 : publishedAheadMs))
      // The same command id on every node that sees the same keys: the first one wins and the others adopt its key.
      const state = present()
        .map(({ kid }) => kid)
        .sort()
        .join()
      await add(parts, privateKey, algorithm, activatesAt, `signing-key\n${algorithm}\n${state}`)
      // An old outcome under that id means that its key was retired since: then this node's key is a new one indeed.
      if (!fits()) await add(parts, privateKey, algorithm, activatesAt, randomUUID())
    },
    async rotation() {
      const algorithm = config.OAUTH_JWT_ALGORITHM
      const activatesAt = new Date(clock().getTime() + publishedAheadMs)
      const addition = await addedKey(parts, await newKey(algorithm), algorithm, activatesAt)
      return { ...addition, data: { ...addition.data, alone: true } }
    },
    async signer() {
      const now = clock().getTime()
      const [newest] = activeKeys(present(), now)
      if (newest === undefined)
        throw new GatehouseError("store_unavailable", "there is no signing key yet", { retryAfter: 2 })
      const { kid, algorithm, key_ref } = newest
      const known = opened.get(kid)
      if (known !== undefined) return { kid, algorithm, privateKey: known }
      const sealed = await store.secret(key_ref)
      if (sealed === undefined) throw new Error(`the vault lacks the private part of signing key ${kid}`)
      const privateKey = createPrivateKey(vault.open(key_ref, sealed))
      opened.set(kid, privateKey)
      return { kid, algorithm, privateKey }
    },
  }
}

async function add(
  parts: Parts,
  privateKey: KeyObject,
  algorithm: Algorithm,
  activatesAt: Date,
  key: string,
): Promise<void> {
  const addition = await addedKey(parts, privateKey, algorithm, activatesAt)
  const executed = await parts.bus.execute({ ...addition, actor: oauthActor, idempotencyKey: key }, 5000)
  if (executed.status === "queued") throw new GatehouseError("store_unavailable", "the signing key waits to be decided")
}

async function addedKey(
  { vault }: Pick<Parts, "vault">,
  privateKey: KeyObject,
  algorithm: Algorithm,
  activatesAt: Date,
): Promise<KeyAddition> {
  const jwk = createPublicKey(privateKey).export({ format: "jwk" })
  const kid = await calculateJwkThumbprint(jwk)
  const ref = `signing-key-${randomUUID()}`
  const pem = privateKey.export({ type: "pkcs8", format: "pem" }) as string
  return {
    type: "AddSigningKey",
    data: { kid, algorithm, public_jwk: jwk, key_ref: ref, activates_at: activatesAt.toISOString() },
    asked: { algorithm },
    secrets: { [ref]: vault.seal(ref, pem) },
  }
}

/** @throws ConfigError */
function importedKey(base64: string | undefined, algorithm: Algorithm): KeyObject | undefined {
  if (base64 === undefined) return undefined
  const key = readKey(base64)
  if (key === undefined || !isFor(algorithm, key))
    throw new ConfigError(`  OAUTH_JWT_PRIVATE_KEY_B64: must be a private key for ${algorithm}, PEM in base64`)
  return key
}

function readKey(base64: string): KeyObject | undefined {
  try {
    return createPrivateKey(Buffer.from(base64, "base64").toString("utf8"))
  } catch {
    return undefined
  }
}

function isFor(algorithm: Algorithm, key: KeyObject): boolean {
  switch (algorithm) {
    case "RS256":
      return key.asymmetricKeyType === "rsa" && (key.asymmetricKeyDetails?.modulusLength ?? 0) >= 2048
    case "ES256":
      return key.asymmetricKeyType === "ec" && key.asymmetricKeyDetails?.namedCurve === "prime256v1"
    case "EdDSA":
      return key.asymmetricKeyType === "ed25519"
  }
}

const generate = promisify(generateKeyPair)

async function newKey(algorithm: Algorithm): Promise<KeyObject> {
  switch (algorithm) {
    case "RS256":
      return (await generate("rsa", { modulusLength: 2048 })).privateKey
    case "ES256":
      return (await generate("ec", { namedCurve: "P-256" })).privateKey
    case "EdDSA":
      return (await generate("ed25519")).privateKey
  }
}
