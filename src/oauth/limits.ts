import { type AuthorizationServer, clientAddress } from "./authorization-server.ts"
import { type Limit, addressBlock } from "../platform/rate-limit.ts"
import type { H3Event } from "h3"
import { findClient } from "./known-client.ts"

/** How often an address may do something; requests of known clients count for each client, because hosts share addresses. */
const limits = {
  authorize: { count: 300, windowMs: 60_000 },
  token: { count: 600, windowMs: 60_000 },
  document: { count: 120, windowMs: 60_000 },
  device: { count: 60, windowMs: 60_000 },
  registration: { count: 300, windowMs: 3_600_000 },
} as const satisfies Record<string, Limit>

/** Documents and key sets that are read from one host. */
export const documentLimit: Limit = { count: 60, windowMs: 60_000 }

/** Failed logins of an address. */
export const failedLogins: Limit = { count: 10, windowMs: 60_000 }

/**
 * Counts one event of an address.
 * @param clientId as the request says; one that is unknown does not open a new bucket
 * @throws GatehouseError `rate_limited`
 */
export function limit(
  server: AuthorizationServer,
  event: H3Event,
  name: keyof typeof limits,
  clientId = "",
): Promise<void> {
  const client = findClient(server, clientId)?.client_id ?? ""
  return server.limiter.hit(`${name}\n${addressBlock(clientAddress(event))}\n${client}`, limits[name])
}

/** Bucket of an address's failed logins. */
export function failedLoginsOf(event: H3Event): string {
  return `login\n${addressBlock(clientAddress(event))}`
}

/** User codes that an address, and an account, may enter. */
export const enteredUserCodes: Limit = { count: 10, windowMs: 60_000 }

/** Buckets of entered user codes. @param subject who is signed in, if somebody is */
export function enteredUserCodesOf(event: H3Event, subject: string | undefined): string[] {
  const account = subject === undefined ? [] : [`user-code\n${subject}`]
  return [`user-code\n${addressBlock(clientAddress(event))}`, ...account]
}
