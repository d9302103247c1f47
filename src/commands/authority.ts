import * as z from "zod"
import { Email, Instant, SecretRef } from "../events/values.ts"
import { command, fact, requireAdmin } from "./decision.ts"
import { find } from "../events/world.ts"

const internal = () => ({ kind: "authority" as const, id: "internal" })
const account = ({ directory_url }: { directory_url: string }) => ({ kind: "authority" as const, id: directory_url })

const CreateInternalAuthority = command(
  z.strictObject({ certificate_pem: z.string(), key_ref: SecretRef, expires_at: Instant }),
  internal,
  (data, world, context) => {
    requireAdmin(context)
    if (find(world, "authority", "internal") !== undefined) return { events: [] }
    return { events: [fact("authority", "internal", "InternalAuthorityCreated", data)] }
  },
)

const RecordAcmeAccount = command(
  z.strictObject({ directory_url: z.string(), account_url: z.string(), email: Email.nullable(), key_ref: SecretRef }),
  account,
  ({ directory_url, ...data }, _world, context) => {
    requireAdmin(context)
    return { events: [fact("authority", directory_url, "AcmeAccountRegistered", data)] }
  },
)

const ForgetAcmeAccount = command(
  z.strictObject({ directory_url: z.string(), account_url: z.string() }),
  account,
  ({ directory_url, account_url }, world, context) => {
    requireAdmin(context)
    const known = find(world, "authority", directory_url)
    if (known?.type !== "acme" || known.account_url !== account_url) return { events: [] }
    return { events: [fact("authority", directory_url, "AcmeAccountLost", { account_url })] }
  },
)

/** Commands about the internal CA and the accounts at ACME CAs. */
export const authorityCommands = { CreateInternalAuthority, RecordAcmeAccount, ForgetAcmeAccount } as const
