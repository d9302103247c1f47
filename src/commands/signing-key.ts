import * as z from "zod"
import { command, existing, fact, requireAdmin } from "./decision.ts"
import { find } from "../events/world.ts"
import { signingKeyEvents } from "../events/signing-key.ts"

const Kid = z.string().regex(/^[A-Za-z0-9_-]{16,128}$/)
const signingKey = ({ kid }: { kid: string }) => ({ kind: "signing-key" as const, id: kid })

const AddSigningKey = command(
  signingKeyEvents.SigningKeyAdded.extend({ kid: Kid }),
  signingKey,
  ({ kid, ...data }, world, context) => {
    requireAdmin(context)
    if (find(world, "signing-key", kid) !== undefined) return { events: [] }
    return { events: [fact("signing-key", kid, "SigningKeyAdded", data)] }
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
