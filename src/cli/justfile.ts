import type { Parameter } from "./arguments.ts"
import type { Recipe } from "./recipe.ts"

/** Text of `just/manage.just`: one recipe for each entry of the table, with the same arguments in the same order. */
export function manageJust(recipes: readonly Recipe[]): string {
  const entries = recipes.filter(({ group }) => group !== "system").map(recipe)
  return [
    "# Management of a running Gatehouse. Written by `node src/cli.ts recipes`; a test keeps it current.",
    "# After its arguments each takes flags: --output table|json, --yes, --page, --per-page, --wait, --if-match, --help.",
    "",
    ...entries,
  ].join("\n")
}

function recipe({ name, group, doc, parameters, options }: Recipe): string {
  const last = options === undefined ? "*flags" : "*options"
  const signature = [name, ...parameters.map(parameter), last].join(" ")
  return `# ${doc}\n[group('${group}')]\n${signature}: _packages\n    node src/cli.ts ${name} "$@"\n`
}

function parameter({ name, default: fallback }: Parameter): string {
  return fallback === undefined ? name : `${name}=${JSON.stringify(fallback)}`
}
