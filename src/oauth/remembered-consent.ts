import { sha256, uuidv5 } from "../platform/ids.ts"
import type { AuthorizationServer } from "./authorization-server.ts"
import type { Client } from "../events/oauth-client.ts"
import { find } from "../events/world.ts"
import type { Transaction } from "./transaction.ts"

/** Id of what a person allowed: one for each client, return address and set of resources. */
export function consentId(
  subject: string,
  clientId: string,
  redirectUri: string,
  resources: readonly string[],
): string {
  return uuidv5(JSON.stringify(["consent", subject, clientId, redirectUri, [...resources].sort()]))
}

/** Digest of what the consent page says of a client and the client can change: another name asks again. */
export function shownOf({ metadata: { client_name, redirect_uris } }: Client): string {
  return sha256(JSON.stringify([client_name ?? null, redirect_uris]))
}

/** Did this person allow exactly this: same client, as it calls itself now, same return address and resources, no more scopes? */
export function consented(server: AuthorizationServer, subject: string, client: Client, asked: Transaction): boolean {
  if (asked.answer.via !== "redirect") return false
  const id = consentId(subject, client.client_id, asked.answer.redirect_uri, asked.resources)
  const consent = find(server.projections.world, "consent", id)
  if (consent === undefined || consent.shown !== shownOf(client)) return false
  const allowed = consent.scope.split(" ")
  return asked.scope.every((scope) => allowed.includes(scope))
}
