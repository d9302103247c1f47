import { code, generatedPage, markdownTable, prose } from "./markdown.ts"
import { placeholder } from "../../src/cli/arguments.ts"
import type { Recipe } from "../../src/cli/recipe.ts"
import { recipes } from "../../src/cli/recipe-table.ts"

/** Tables of the recipes that manage a running Gatehouse. */
export function commandsPage(): string {
  const groups = [...Map.groupBy(recipes, ({ group }) => group)]
  return generatedPage("Recipes", "src/cli/recipe-table.ts", [
    "Each is `just <recipe>`, and `node src/cli.ts <recipe>` where just is not installed. `<x>` is required, `[x]` optional.",
    ...groups.flatMap(([group, members]) => [
      `## ${group.charAt(0).toUpperCase()}${group.slice(1)}`,
      markdownTable(["recipe", "what it does", "defaults"], members.map(row)),
    ]),
  ])
}

function row({ name, parameters, options, doc }: Recipe): string[] {
  const signature = [name, ...parameters.map(placeholder), ...(options === undefined ? [] : ["key=value …"])].join(" ")
  const defaults = parameters
    .filter(({ default: fallback, named }) => (fallback ?? "") !== "" && named !== true)
    .map(({ name: parameter, default: fallback }) => code(`${parameter}=${fallback}`))
  return [code(signature), prose(doc), defaults.join(" ")]
}
