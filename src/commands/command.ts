import { apiTokenCommands } from "./api-token.ts"
import { authorityCommands } from "./authority.ts"
import { browserSessionCommands } from "./browser-session.ts"
import { certificateCommands } from "./certificate.ts"
import { certificateReports } from "./certificate-report.ts"
import { clientCommands } from "./oauth-client.ts"
import type { CommandDefinition } from "./decision.ts"
import { grantCommands } from "./grant.ts"
import { instanceCommands } from "./instance.ts"
import { orphanCommands } from "./orphan.ts"
import { logCommands } from "./log.ts"
import { proxyAuthCommands } from "./proxy-auth.ts"
import { proxyCommands } from "./proxy.ts"
import { proxyRoutesCommands } from "./proxy-routes.ts"
import { resourceCommands } from "./resource.ts"
import { routeCommands } from "./route.ts"
import { serviceCommands } from "./service.ts"
import { serviceReports } from "./service-report.ts"
import { signingKeyCommands } from "./signing-key.ts"
import { webhookCommands } from "./webhook.ts"
import { webhookReports } from "./webhook-report.ts"

const commands = {
  ...apiTokenCommands,
  ...authorityCommands,
  ...browserSessionCommands,
  ...certificateCommands,
  ...certificateReports,
  ...clientCommands,
  ...grantCommands,
  ...instanceCommands,
  ...orphanCommands,
  ...logCommands,
  ...proxyAuthCommands,
  ...proxyCommands,
  ...proxyRoutesCommands,
  ...resourceCommands,
  ...routeCommands,
  ...serviceCommands,
  ...serviceReports,
  ...signingKeyCommands,
  ...webhookCommands,
  ...webhookReports,
}

/** The closed union of command types, each with its schema and its decision. */
export type CommandType = keyof typeof commands

/** Every command by its type. */
export const definitions: ReadonlyMap<string, CommandDefinition> = new Map(
  Object.entries(commands) as unknown as [CommandType, CommandDefinition][],
)
