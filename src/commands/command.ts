import { apiTokenCommands } from "./api-token.ts"
import { authorityCommands } from "./authority.ts"
import { certificateCommands } from "./certificate.ts"
import { certificateReports } from "./certificate-report.ts"
import { clientCommands } from "./oauth-client.ts"
import type { CommandDefinition } from "./decision.ts"
import { grantCommands } from "./grant.ts"
import { proxyAuthCommands } from "./proxy-auth.ts"
import { proxyCommands } from "./proxy.ts"
import { signingKeyCommands } from "./signing-key.ts"

const commands = {
  ...apiTokenCommands,
  ...authorityCommands,
  ...certificateCommands,
  ...certificateReports,
  ...clientCommands,
  ...grantCommands,
  ...proxyAuthCommands,
  ...proxyCommands,
  ...signingKeyCommands,
}

/** The closed union of command types, each with its schema and its decision. */
export type CommandType = keyof typeof commands

/** Every command by its type. */
export const definitions: ReadonlyMap<string, CommandDefinition> = new Map(
  Object.entries(commands) as unknown as [CommandType, CommandDefinition][],
)
