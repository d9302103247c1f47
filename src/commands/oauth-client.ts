import * as z from "zod"
import { type Client, ClientMetadata, clientEvents, endOfLife, isOrphan } from "../events/oauth-client.ts"
import { Instant, Sha256 } from "../events/values.ts"
import { type World, all, find } from "../events/world.ts"
import { command, equal, existing, fact, invalid, requireAdmin, requireOwner } from "./decision.ts"
import type { Context } from "./decision.ts"
import { GatehouseError } from "../errors.ts"
import type { NewEvent } from "../events/envelope.ts"
import { clientMetadataProblem } from "./client-metadata.ts"
import { ownerOf } from "./ownership.ts"

const OwnId = z.string().regex(/^mcp_[A-Za-z0-9_-]{8,64}$/)
const DocumentUrl = z.url({ protocol: /^https$/ }).max(2048)
/** An id that Gatehouse gave, or the URL of a client's metadata document. */
const ClientId = z.union([OwnId, DocumentUrl])
const Named = z.strictObject({ client_id: ClientId })
const client = ({ client_id }: { client_id: string }) => ({ kind: "client" as const, id: client_id })
const several = () => ({ kind: "client" as const, id: "" })

const RegisterClient = command(
  clientEvents.ClientRegistered.omit({ kind: true, owner: true }).extend({ client_id: OwnId }),
  client,
  ({ client_id, ...data }, world, context) => {
    requireAdmin(context)
    if (find(world, "client", client_id) !== undefined) throw new GatehouseError("already_exists")
    return { events: [fact("client", client_id, "ClientRegistered", data)] }
  },
)

/** What the document of a client said when somebody allowed it (OAuth Client ID Metadata Document §4). */
const RecordClientDocument = command(
  z.strictObject({ client_id: DocumentUrl, metadata: ClientMetadata, expires_at: Instant }),
  client,
  ({ client_id, metadata, expires_at }, world, context) => {
    requireAdmin(context)
    const state = find(world, "client", client_id)
    if (state !== undefined)
      return {
        events: equal(state.metadata, metadata) ? [] : [fact("client", client_id, "ClientUpdated", { metadata })],
      }
    const registration = {
      metadata,
      secret_hash: null,
      registration_token_hash: null,
      expires_at,
      kind: "cimd" as const,
    }
    return { events: [fact("client", client_id, "ClientRegistered", registration)] }
  },
)

/** A client that somebody with an API token sets up; the only kind that may act for itself. */
const CreateClient = command(
  z.strictObject({
    client_id: OwnId,
    metadata: ClientMetadata,
    secret_hash: Sha256.nullable(),
    expires_at: Instant.nullable().default(null),
    owner: z.string().optional(),
  }),
  client,
  ({ client_id, owner, ...data }, world, context) => {
    if (find(world, "client", client_id) !== undefined) throw new GatehouseError("already_exists")
    requireUsable(data.metadata, data.secret_hash)
    const registration = {
      ...data,
      registration_token_hash: null,
      kind: "admin" as const,
      owner: ownerOf(owner, world, context),
    }
    return { events: [fact("client", client_id, "ClientRegistered", registration)], result: { client_id } }
  },
)

const UpdateClient = command(
  Named.extend({ metadata: ClientMetadata }),
  client,
  ({ client_id, metadata }, world, context) => {
    const state = ownedClient(client_id, world, context)
    if (state.kind === "cimd") throw new GatehouseError("invalid_state", "this client is described by its own document")
    if (state.kind === "admin") requireUsable(metadata, state.secret_hash)
    return { events: [fact("client", client_id, "ClientUpdated", { metadata }), ...vouchingEnd(state, metadata)] }
  },
)

/**
 * An administrator vouched for a client as it called itself and for where it is answered. One that registered itself, and now says
 * something else, is unverified again; what somebody with an API token set up is changed by those who answer for it.
 */
function vouchingEnd({ client_id, kind, vouched, metadata: old }: Client, now: Client["metadata"]): NewEvent[] {
  const same = old.client_name === now.client_name && equal(old.redirect_uris, now.redirect_uris)
  return kind !== "dynamic" || !vouched || same ? [] : [fact("client", client_id, "ClientVouched", { vouched: false })]
}

const ReplaceClientSecret = command(
  Named.extend({ secret_hash: Sha256 }),
  client,
  ({ client_id, secret_hash }, world, context) => {
    const state = ownedClient(client_id, world, context)
    if (state.secret_hash === null) throw new GatehouseError("invalid_state", "this client has no secret")
    return { events: [fact("client", client_id, "ClientSecretReplaced", { secret_hash })] }
  },
)

const SetClientStatus = command(
  Named.extend({ disabled: z.boolean().optional(), vouched: z.boolean().optional() }),
  client,
  ({ client_id, disabled, vouched }, world, context) => {
    const state = ownedClient(client_id, world, context)
    if (vouched !== undefined) requireAdmin(context)
    const events: NewEvent[] = []
    if (disabled !== undefined && disabled !== state.disabled)
      events.push(fact("client", client_id, disabled ? "ClientDisabled" : "ClientEnabled", {}))
    if (vouched !== undefined && vouched !== state.vouched)
      events.push(fact("client", client_id, "ClientVouched", { vouched }))
    return { events }
  },
)

const RecordClientUse = command(
  Named.extend({ expires_at: Instant }),
  client,
  ({ client_id, expires_at }, world, context) => {
    requireAdmin(context)
    return { events: clientUse(existing(find(world, "client", client_id), "such client"), expires_at) }
  },
)

const DeleteClient = command(
  Named.extend({ reason: z.string().max(200) }),
  client,
  ({ client_id, reason }, world, context) => {
    ownedClient(client_id, world, context)
    const { events, grants } = clientDeletion([client_id], reason, world)
    return { events, result: { revoked_grants: grants } }
  },
)

/** Deletes those of the named clients whose life is over, or whose owner is gone. */
const RemoveExpiredClients = command(
  z.strictObject({ client_ids: z.array(ClientId).min(1).max(200) }),
  several,
  ({ client_ids }, world, context) => {
    requireAdmin(context)
    const over = [...new Set(client_ids)].filter((id) => {
      const state = find(world, "client", id)
      if (state === undefined) return false
      return endOfLife(state) <= Date.parse(context.now) || isOrphan(state, find(world, "api-token", state.owner ?? ""))
    })
    const { events, grants } = clientDeletion(over, "expired", world)
    return { events, result: { clients: over.length, revoked_grants: grants } }
  },
)

/** @throws GatehouseError `not_found`, `not_owner` */
function ownedClient(clientId: string, world: World, context: Context): Client {
  const state = existing(find(world, "client", clientId), "such client")
  requireOwner(context, state.owner ?? "")
  return state
}

/** @throws GatehouseError `validation_failed` */
function requireUsable(metadata: Client["metadata"], secretHash: string | null): void {
  const problem = clientMetadataProblem(metadata, secretHash)
  if (problem !== undefined) throw invalid(problem.member, problem.message)
}

const dayMs = 86_400_000

/** Use of a client as an event: the first one, and afterwards each that moves the end of life by a day or more. */
export function clientUse(state: Client, expiresAt: string): NewEvent[] {
  const later = state.expires_at !== null && Date.parse(expiresAt) - Date.parse(state.expires_at) >= dayMs
  if (state.used_at !== null && !later) return []
  const expires_at = state.expires_at === null ? null : later ? expiresAt : state.expires_at
  return [fact("client", state.client_id, "ClientUsed", { expires_at })]
}

/** The end of clients with all that people allowed them. */
function clientDeletion(clientIds: readonly string[], reason: string, world: World) {
  const gone = new Set(clientIds)
  const grants = [...all(world, "grant")].filter(({ client_id }) => gone.has(client_id))
  const consents = [...all(world, "consent")].filter(({ client_id }) => gone.has(client_id))
  const events: NewEvent[] = [
    ...grants.map(({ grant_id }) => fact("grant", grant_id, "GrantRevoked", { reason: "client_deleted" })),
    ...consents.map(({ consent_id }) => fact("consent", consent_id, "ConsentWithdrawn", { reason: "client_deleted" })),
    ...clientIds.map((id) => fact("client", id, "ClientDeleted", { reason })),
  ]
  return { events, grants: grants.length }
}

/** Commands about OAuth clients. */
export const clientCommands = {
  RegisterClient,
  RecordClientDocument,
  CreateClient,
  UpdateClient,
  ReplaceClientSecret,
  SetClientStatus,
  RecordClientUse,
  DeleteClient,
  RemoveExpiredClients,
} as const
