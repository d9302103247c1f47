import { clientScope, counted, errorName } from "../projections/oauth-counted.ts"
import { OAuthError, PageError } from "./oauth-error.ts"
import type { AuthorizationServer } from "./authorization-server.ts"
import { GatehouseError } from "../errors.ts"

type Tallying = Pick<AuthorizationServer, "counters">

/** Errors that are steps of a flow that goes well. */
const notYet: ReadonlySet<string> = new Set(["authorization_pending", "slow_down", "use_dpop_nonce"])

/** Counts a request to an endpoint by its path, and the error that it ended with. */
export function tallyRequest({ counters }: Tallying, path: string, error?: unknown): void {
  const names = new Set<string>()
  if (path === "/token") names.add(counted.tokenRequest)
  if (path === "/authorize") names.add(counted.authorizationRequest)
  const code = error === undefined ? undefined : codeOf(error)
  if (code !== undefined && !notYet.has(code)) {
    names.add(errorName(code))
    if (path === "/token") names.add(counted.tokenFailure)
    if (path === "/authorize") names.add(counted.authorizationFailure)
  }
  if (names.size > 0) counters.add(once(names))
}

/** Counts a failed token request of a client that proved itself. */
export function tallyTokenFailure({ counters }: Tallying, clientId: string, error: unknown): void {
  const code = codeOf(error)
  if (!notYet.has(code)) counters.addTo(clientScope(clientId), { [counted.tokenFailure]: 1, [errorName(code)]: 1 })
}

/** Counts an authorization that was refused with an error for its client. */
export function tallyRefusal({ counters }: Tallying, clientId: string, code: string): void {
  counters.add({ [counted.authorizationFailure]: 1, [errorName(code)]: 1 }, ...scopesOf(clientId))
}

/** Counts an error that no answer tells a client. */
export function tallyError({ counters }: Tallying, code: string): void {
  counters.add({ [errorName(code)]: 1 })
}

/** Counts an authorization that somebody signed in for. */
export function tallyAuthorization({ counters }: Tallying, clientId: string): void {
  counters.add({ [counted.authorizationDone]: 1 }, ...scopesOf(clientId))
}

/** Counts an access token. @param refreshed for a refresh token */
export function tallyIssue({ counters }: Tallying, clientId: string, refreshed: boolean): void {
  counters.add({ [counted.issued]: 1, ...(refreshed && { [counted.refreshed]: 1 }) }, clientScope(clientId))
}

/** Counts what was ended early. */
export function tallyRevocation({ counters }: Tallying, clientId: string): void {
  counters.add({ [counted.revoked]: 1 }, clientScope(clientId))
}

/** A browser that signs in for itself has no client. */
function scopesOf(clientId: string): string[] {
  return clientId === "" ? [] : [clientScope(clientId)]
}

function once(names: ReadonlySet<string>): Record<string, number> {
  return Object.fromEntries([...names].map((name) => [name, 1]))
}

/** Every code is of a fixed set; whatever is none of ours is one more. */
export function codeOf(error: unknown): string {
  if (error instanceof PageError) return error.reason
  return error instanceof OAuthError || error instanceof GatehouseError ? error.code : "server_error"
}
