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
    openApi,
  ].join("\n")
}

function defaults(parameters: readonly Parameter[]): string {
  const known = parameters.filter(
    ({ default: fallback, empty, named }) => (fallback ?? "") !== "" && empty !== true && named !== true,
  )
  return known.length === 0 ? "" : ` (${known.map(({ name, default: fallback }) => `${name}=${fallback!}`).join(", ")})`
}

const openApi = `# Print the admin API as an OpenAPI 3.1 document: just openapi > docs/openapi.json
[group('develop')]
openapi: _packages
    node src/cli.ts openapi

# Print the events as an AsyncAPI 3 document: just asyncapi > docs/asyncapi.json
[group('develop')]
asyncapi: _packages
    node src/cli.ts asyncapi
`

function recipe({ name, group, doc, parameters, options }: Recipe): string {
  const last = options === undefined ? "*flags" : "*options"
  const placed = parameters.filter(({ named }) => named !== true)
  const signature = [name, ...placed.map(parameter), last].join(" ")
  return `# ${doc}${defaults(parameters)}\n[group('${group}')]\n[no-exit-message]\n${signature}: _packages\n    node src/cli.ts ${name} "$@"\n`
}

/**
 * `required` is a variable of the justfile; see {@link leftOut}. Empty stands for the default, which the command line knows: a flag may take the place of an optional argument, and the
 * defaults that just then hands over for the rest must not be taken for values.
 */
function parameter({ name, default: fallback, empty }: Parameter): string {
  return fallback === undefined ? `${name}=required` : `${name}=${JSON.stringify(empty === true ? fallback : "")}`
}
