import type { Recipe } from "./recipe.ts"
import { auditRecipes } from "./recipes/audit.ts"
import { certificateRecipes } from "./recipes/certificates.ts"
import { cleanupRecipes } from "./recipes/cleanup.ts"
import { configurationRecipes } from "./recipes/configuration.ts"
import { instanceRecipes } from "./recipes/instances.ts"
import { logChangeRecipes } from "./recipes/log-changes.ts"
import { logRecipes } from "./recipes/log.ts"
import { migrateRecipes } from "./recipes/migrate.ts"
import { oauthFlowRecipes } from "./recipes/oauth-flow.ts"
import { oauthRecipes } from "./recipes/oauth.ts"
import { proxyGroupRecipes } from "./recipes/proxy-group.ts"
import { proxyRecipes } from "./recipes/proxies.ts"
import { proxyRouteRecipes } from "./recipes/proxy-routes.ts"
import { proxySettingRecipes } from "./recipes/proxy-settings.ts"
import { resourceRecipes } from "./recipes/resources.ts"
import { routeRecipes } from "./recipes/routes.ts"
import { serviceMcpRecipes } from "./recipes/service-mcp.ts"
import { serviceRecipes } from "./recipes/services.ts"
import { systemRecipes } from "./recipes/system.ts"
import { tokenRecipes } from "./recipes/tokens.ts"
import { webhookRecipes } from "./recipes/webhooks.ts"

/** Every management recipe: `just/manage.just` and the command line are folds over this table. */
export const recipes: readonly Recipe[] = [
  ...tokenRecipes,
  ...certificateRecipes,
  ...proxyRecipes,
  ...proxyGroupRecipes,
  ...proxySettingRecipes,
  ...proxyRouteRecipes,
  ...routeRecipes,
  ...serviceRecipes,
  ...serviceMcpRecipes,
  ...instanceRecipes,
  ...resourceRecipes,
  ...oauthRecipes,
  ...oauthFlowRecipes,
  ...auditRecipes,
  ...cleanupRecipes,
  ...configurationRecipes,
  ...logRecipes,
  ...logChangeRecipes,
  ...migrateRecipes,
  ...webhookRecipes,
  ...systemRecipes,
]
