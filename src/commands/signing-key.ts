import * as z from "zod"
import { command, existing, fact, requireAdmin } from "./decision.ts"
import { GatehouseError } from "../errors.ts"
import { all, find } from "../events/world.ts"
import { signingKeyEvents } from "../events/signing-key.ts"

const Kid = z.string().regex(/^[A-Za-z0-9_-]{16,128}$/)
const signingKey = ({ kid }: { kid: string }) => ({ kind: "signing-key" as const, id: kid })

const AddSigningKey = command(
  signingKeyEvents.SigningKeyAdded.extend({
    kid: Kid,
    /** One key at a time: another that does not sign yet stands in the way. */
    alone: z.boolean().default(false),
  }),
  signingKey,
  ({ kid, alone, ...data }, world, context) => {
    requireAdmin(context)
    const result = { kid, activates_at: data.activates_at }
    if (find(world, "signing-key", kid) !== undefined) return { events: [], result }
    const waiting = [...all(world, "signing-key")].find(({ activates_at }) => activates_at > context.now)
    if (alone && waiting !== undefined)
      throw new GatehouseError("invalid_state", `a new key waits already, and signs from ${waiting.activates_at} on`)
    return { events: [fact("signing-key", kid, "SigningKeyAdded", data)], result }
  },
)

const RetireSigningKey = command(
  z.strictObject({ kid: Kid, reason: z.string().max(200) }),
  signingKey,
  ({ kid, reason }, world, context) => {
    requireAdmin(context)
    existing(find(world, "signing-key", kid), "such key")
    return { events: [fact("signing-key", kid, "SigningKeyRetired", { reason })] }
  },
)

/** Commands about the keys that sign access tokens. */
export const signingKeyCommands = { AddSigningKey, RetireSigningKey } as const
