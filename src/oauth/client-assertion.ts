import { type JWTPayload, createLocalJWKSet, decodeJwt, errors, jwtVerify } from "jose"
import type { AuthorizationServer } from "./authorization-server.ts"
import type { Client } from "../events/oauth-client.ts"
import { DocumentError } from "./document-fetch.ts"
import type { JSONWebKeySet } from "jose"
import type { Parameters } from "./parameters.ts"
import { clientKeySet } from "./client-key-set.ts"

/** The one kind of assertion that proves a client (RFC 7523 §2.2). */
const assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
/** Signature algorithms that a client may use. */
export const assertionAlgorithms = ["RS256", "PS256", "ES256", "EdDSA"]

const longestLife = 300
const skew = 60
const longest = 16_384

/** An assertion as it came, not yet verified. */
export interface PresentedAssertion {
  readonly jwt: string
  /** Whom it claims to be of. */
  readonly clientId: string
}

/** The assertion of a request: null when there is none, undefined when it cannot be read. */
export function presentedAssertion(parameters: Parameters): PresentedAssertion | null | undefined {
  const jwt = parameters.get("client_assertion")
  const type = parameters.get("client_assertion_type")
  if (jwt === undefined && type === undefined) return null
  if (jwt === undefined || type !== assertionType || jwt.length > longest) return undefined
  try {
    const { sub } = decodeJwt(jwt)
    return typeof sub !== "string" ? undefined : { jwt, clientId: sub }
  } catch (error) {
    if (error instanceof errors.JOSEError) return undefined
    throw error
  }
}

/**
 * Does the assertion prove this client (RFC 7523 §3)? It does so once.
 * @returns the fault for the log, or undefined
 */
export async function assertionFault(
  server: AuthorizationServer,
  client: Client,
  { jwt }: PresentedAssertion,
): Promise<string | undefined> {
  try {
    const payload = await verified(server, client, jwt)
    const { jti, exp = 0 } = payload
    const now = server.clock().getTime() / 1000
    if (typeof jti !== "string" || jti === "" || jti.length > 512) return "jti_missing"
    if (exp > now + longestLife + skew) return "lives_too_long"
    if (!audiences(payload).every((audience) => ours(server).includes(audience))) return "wrong_audience"
    const first = await server.ttl.putNew("assertion", `${client.client_id}\n${jti}`, true, (exp - now + skew) * 1000)
    return first ? undefined : "replayed"
  } catch (error) {
    if (error instanceof DocumentError) return error.fault
    if (error instanceof errors.JOSEError) return "not_verified"
    throw error
  }
}

/** @throws JOSEError, DocumentError */
async function verified(server: AuthorizationServer, client: Client, jwt: string): Promise<JWTPayload> {
  const keys = await clientKeySet(server, client)
  if (keys === undefined) throw new errors.JWKSNoMatchingKey()
  try {
    return await signedBy(server, client, jwt, keys)
  } catch (error) {
    if (!(error instanceof errors.JWKSNoMatchingKey)) throw error
    const newer = await clientKeySet(server, client, true)
    if (newer === undefined) throw error
    return signedBy(server, client, jwt, newer)
  }
}

async function signedBy(
  server: AuthorizationServer,
  { client_id }: Client,
  jwt: string,
  keys: JSONWebKeySet,
): Promise<JWTPayload> {
  const rules = {
    algorithms: assertionAlgorithms,
    issuer: client_id,
    subject: client_id,
    audience: [...ours(server)],
    requiredClaims: ["exp", "jti"],
    clockTolerance: skew,
    currentDate: server.clock(),
  }
  try {
    return (await jwtVerify(jwt, createLocalJWKSet(keys), rules)).payload
  } catch (error) {
    if (error instanceof errors.JOSEError) throw error
    // Keys that cannot be used fail in the cryptography below jose, each in its own way.
    throw new errors.JWKInvalid("a key of the client cannot be used")
  }
}

/** Every one must be ours: an assertion that others take as well could be sent on by them (RFC 7523bis §4). */
function audiences({ aud }: JWTPayload): readonly string[] {
  return aud === undefined ? [] : [aud].flat()
}

function ours({ issuer }: AuthorizationServer): readonly string[] {
  return [issuer, `${issuer}/token`]
}
