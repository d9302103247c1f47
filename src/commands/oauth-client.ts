import * as z from "zod"
import { ClientMetadata, clientEvents } from "../events/oauth-client.ts"
import { all, find } from "../events/world.ts"
import { command, existing, fact, requireAdmin } from "./decision.ts"
import { GatehouseError } from "../errors.ts"

const ClientId = z.string().regex(/^mcp_[A-Za-z0-9_-]{8,64}$/)
const client = ({ client_id }: { client_id: string }) => ({ kind: "client" as const, id: client_id })

const RegisterClient = command(
  clientEvents.ClientRegistered.extend({ client_id: ClientId }),
  client,
  ({ client_id, ...data }, world, context) => {
    requireAdmin(context)
    if (find(world, "client", client_id) !== undefined) throw new GatehouseError("already_exists")
    return { events: [fact("client", client_id, "ClientRegistered", data)] }
  },
)

const UpdateClient = command(
  z.strictObject({ client_id: ClientId, metadata: ClientMetadata }),
  client,
  ({ client_id, metadata }, world, context) => {
    requireAdmin(context)
    existing(find(world, "client", client_id), "such client")
    return { events: [fact("client", client_id, "ClientUpdated", { metadata })] }
  },
)

const DeleteClient = command(
  z.strictObject({ client_id: ClientId, reason: z.string().max(200) }),
  client,
  ({ client_id, reason }, world, context) => {
    requireAdmin(context)
    existing(find(world, "client", client_id), "such client")
    const grants = [...all(world, "grant")].filter((grant) => grant.client_id === client_id)
    return {
      events: [
        ...grants.map(({ grant_id }) => fact("grant", grant_id, "GrantRevoked", { reason: "client_deleted" })),
        fact("client", client_id, "ClientDeleted", { reason }),
      ],
      result: { revoked_grants: grants.length },
    }
  },
)

/** Commands about OAuth clients. */
export const clientCommands = { RegisterClient, UpdateClient, DeleteClient } as const
