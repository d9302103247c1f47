import type { AuthorizationServer } from "./authorization-server.ts"
import type { Client } from "../events/oauth-client.ts"
import { DocumentError } from "./document-fetch.ts"
import type { JSONWebKeySet } from "jose"
import { clientKeysProblem } from "../events/client-keys.ts"
import { documentLimit } from "./limits.ts"

const maxBytes = 64 * 1024
const shortestMs = 60_000
const usualMs = 300_000
const longestMs = 86_400_000

/** A key set as it was read from a client's `jwks_uri`. */
interface Copy {
  readonly jwks: JSONWebKeySet
  /** Milliseconds since the epoch. */
  readonly fetched_at: number
}

/**
 * Public keys of a client (RFC 7591 §2 `jwks`, `jwks_uri`), fetched under the rules of metadata documents.
 * @param rotated a key is missing: ask again, unless that was done less than a minute ago
 * @returns undefined when the client has no keys
 * @throws DocumentError
 */
export async function clientKeySet(
  server: AuthorizationServer,
  { metadata: { jwks, jwks_uri } }: Client,
  rotated = false,
): Promise<JSONWebKeySet | undefined> {
  if (jwks !== undefined) return rotated ? undefined : jwks
  if (jwks_uri === undefined) return undefined
  const copy = (await server.ttl.peek("jwks", jwks_uri)) as Copy | undefined
  const age = copy === undefined ? Infinity : server.clock().getTime() - copy.fetched_at
  if (copy !== undefined && (!rotated || age < shortestMs)) return rotated ? undefined : copy.jwks
  await server.limiter.hit(`document\n${new URL(jwks_uri).hostname}`, documentLimit)
  const { value, maxAge, noStore } = await server.documents(jwks_uri, maxBytes)
  const problem = clientKeysProblem(value)
  if (problem !== undefined) throw new DocumentError("not_acceptable", problem)
  const fetched = value as JSONWebKeySet
  const life = maxAge === undefined ? usualMs : Math.min(Math.max(maxAge * 1000, shortestMs), longestMs)
  if (!noStore) await server.ttl.put("jwks", jwks_uri, { jwks: fetched, fetched_at: server.clock().getTime() }, life)
  return fetched
}
