import type { Recipe } from "./recipe.ts"
import { certificateRecipes } from "./recipes/certificates.ts"
import { proxyGroupRecipes } from "./recipes/proxy-group.ts"
import { proxyRecipes } from "./recipes/proxies.ts"
import { proxySettingRecipes } from "./recipes/proxy-settings.ts"
import { systemRecipes } from "./recipes/system.ts"
import { tokenRecipes } from "./recipes/tokens.ts"

/** Every management recipe: `just/manage.just` and the command line are folds over this table. */
export const recipes: readonly Recipe[] = [
  ...tokenRecipes,
  ...certificateRecipes,
  ...proxyRecipes,
  ...proxyGroupRecipes,
  ...proxySettingRecipes,
  ...systemRecipes,
]
