import * as z from "zod"
import { command, existing, fact, requireAdmin } from "./decision.ts"
import { find } from "../events/world.ts"
import { grantEvents } from "../events/grant.ts"
import { GatehouseError } from "../errors.ts"

const GrantId = z.string().regex(/^[A-Za-z0-9_-]{8,64}$/)
const grant = ({ grant_id }: { grant_id: string }) => ({ kind: "grant" as const, id: grant_id })

const IssueGrant = command(
  grantEvents.GrantIssued.extend({ grant_id: GrantId }),
  grant,
  ({ grant_id, ...data }, world, context) => {
    requireAdmin(context)
    existing(find(world, "client", data.client_id), "such client")
    if (find(world, "grant", grant_id) !== undefined) throw new GatehouseError("already_exists")
    return { events: [fact("grant", grant_id, "GrantIssued", data)] }
  },
)

const RevokeGrant = command(
  grantEvents.GrantRevoked.extend({ grant_id: GrantId }),
  grant,
  ({ grant_id, reason }, world, context) => {
    requireAdmin(context)
    if (find(world, "grant", grant_id) === undefined) return { events: [] }
    return { events: [fact("grant", grant_id, "GrantRevoked", { reason })] }
  },
)

/** Commands about grants. */
export const grantCommands = { IssueGrant, RevokeGrant } as const
