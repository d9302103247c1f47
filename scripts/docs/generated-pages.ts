import { apiPages } from "./api-pages.ts"
import { commandsPage } from "./commands-page.ts"
import { configurationPage } from "./configuration-page.ts"
import { decisionsPage } from "./decisions-page.ts"
import { errorsPage } from "./errors-page.ts"

/** Every generated page by its path below docs. */
export function generatedPages(): Map<string, string> {
  return new Map([
    ["reference/configuration.md", configurationPage()],
    ["reference/recipes.md", commandsPage()],
    ["reference/errors.md", errorsPage()],
    ["decisions/index.md", decisionsPage()],
    ...[...apiPages()].map(([file, text]) => [`reference/api/${file}`, text] as const),
  ])
}
