import * as z from "zod"
import { accessEndpoints } from "./endpoints/access.ts"
import { auditEndpoints } from "./endpoints/audit.ts"
import { certificateEndpoints } from "./endpoints/certificates.ts"
import { certificateWorkEndpoints } from "./endpoints/certificate-work.ts"
import { cleanupEndpoints } from "./endpoints/cleanup.ts"
import { commandEndpoints } from "./endpoints/commands.ts"
import { configurationEndpoints } from "./endpoints/configuration.ts"
import { deadLetterEndpoints } from "./endpoints/dead-letters.ts"
import { digestEndpoints } from "./endpoints/digest.ts"
import { type Endpoint, endpoint } from "./endpoint.ts"
import { formattedEndpoints } from "./endpoints/formatted.ts"
import { eventEndpoints } from "./endpoints/events.ts"
import { eventSchemaEndpoints } from "./endpoints/event-schemas.ts"
import { streamEvents } from "./endpoints/event-stream.ts"
import { historyEndpoints } from "./endpoints/history.ts"
import { instanceEndpoints } from "./endpoints/instances.ts"
import { oauthClientChangeEndpoints } from "./endpoints/oauth-client-changes.ts"
import { oauthClientEndpoints } from "./endpoints/oauth-clients.ts"
import { oauthDiagnoseEndpoints } from "./endpoints/oauth-diagnose.ts"
import { oauthKeyEndpoints } from "./endpoints/oauth-keys.ts"
import { oauthProxyEndpoints } from "./endpoints/oauth-proxies.ts"
import { oauthSessionEndpoints } from "./endpoints/oauth-sessions.ts"
import { oauthSetupEndpoints } from "./endpoints/oauth-setup.ts"
import { oauthStatusEndpoints } from "./endpoints/oauth-status.ts"
import { oauthTokenEndpoints } from "./endpoints/oauth-tokens.ts"
import { logEndpoints } from "./endpoints/log.ts"
import { logStateEndpoints } from "./endpoints/log-state.ts"
import { once } from "./once.ts"
import { openApiDocument } from "./openapi.ts"
import { proxyEndpoints } from "./endpoints/proxies.ts"
import { proxyRouteEndpoints } from "./endpoints/proxy-routes.ts"
import { proxySettingEndpoints } from "./endpoints/proxy-settings.ts"
import { resourceEndpoints } from "./endpoints/resources.ts"
import { routeEndpoints } from "./endpoints/routes.ts"
import { serviceActionEndpoints } from "./endpoints/service-actions.ts"
import { serviceEndpoints } from "./endpoints/services.ts"
import { serviceEngineEndpoints } from "./endpoints/service-engine.ts"
import { systemEndpoints } from "./endpoints/system.ts"
import { rebuildEndpoints } from "./endpoints/rebuild.ts"
import { undoEndpoints } from "./endpoints/undo.ts"
import { whatIfEndpoint } from "./endpoints/what-if.ts"
import { tokenEndpoints } from "./endpoints/tokens.ts"
import { webhookEndpoints } from "./endpoints/webhooks.ts"
import { webhookWorkEndpoints } from "./endpoints/webhook-work.ts"
import { tokenObjectEndpoints } from "./endpoints/token-objects.ts"

const openApi = endpoint({
  method: "GET",
  path: "/api/v1/openapi.json",
  operationId: "getOpenApi",
  tag: "system",
  summary: "This API as an OpenAPI 3.1 document.",
  who: "public",
  status: 200,
  response: z.record(z.string(), z.unknown()),
  handler: () => ({ body: document() }),
})

/** Makes the document with the first request: that takes a third of a second, and anybody may ask. */
const document = once(() => openApiDocument(endpoints, apiVersion))

/** Version of the API, in its OpenAPI document. */
export const apiVersion = "1.0.0"

/** Every REST endpoint: router, OpenAPI and the command line are folds over this table. */
export const endpoints: readonly Endpoint[] = [
  ...tokenEndpoints,
  ...tokenObjectEndpoints,
  ...certificateEndpoints,
  ...certificateWorkEndpoints,
  ...proxyEndpoints,
  ...proxySettingEndpoints,
  ...proxyRouteEndpoints,
  ...routeEndpoints,
  ...instanceEndpoints,
  ...resourceEndpoints,
  ...oauthClientEndpoints,
  ...oauthClientChangeEndpoints,
  ...oauthTokenEndpoints,
  ...oauthSessionEndpoints,
  ...oauthProxyEndpoints,
  ...oauthKeyEndpoints,
  ...oauthStatusEndpoints,
  ...oauthSetupEndpoints,
  ...oauthDiagnoseEndpoints,
  ...formattedEndpoints,
  ...commandEndpoints,
  ...eventEndpoints,
  ...historyEndpoints,
  ...auditEndpoints,
  ...accessEndpoints,
  streamEvents,
  ...eventSchemaEndpoints,
  ...webhookEndpoints,
  ...webhookWorkEndpoints,
  ...serviceEndpoints,
  ...serviceActionEndpoints,
  ...serviceEngineEndpoints,
  ...systemEndpoints,
  ...digestEndpoints,
  ...cleanupEndpoints,
  ...configurationEndpoints,
  ...logEndpoints,
  ...logStateEndpoints,
  whatIfEndpoint(() => endpoints),
  ...undoEndpoints,
  ...deadLetterEndpoints,
  ...rebuildEndpoints,
  openApi,
]
