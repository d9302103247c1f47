import type { Endpoint } from "../api/endpoint.ts"
import { errorCodes, jsonSchema } from "../api/openapi.ts"
import type { Recipe } from "./recipe.ts"
import { placeholder } from "./arguments.ts"

const flags = `
Flags, anywhere after the name:
  --output table|json   a table on a terminal, else the API's body unchanged
  --yes                 asks nothing
  --force               asks nothing, and tells the API to override
  --wait, --timeout N   waits for work that goes on, at most N seconds (120)
  --page N, --per-page N  one page of a list; without --page all of them
  --if-match N          only if the object still has this version
  --reason WORDS        why, for the log
  --token T             operations: empty or ADMIN = ADMIN_TOKEN, the name of a stored token, or a value
Exit status: 0 done, 1 API error, 2 usage, 3 confirmation missing, 4 wait timed out, 5 unreachable
`

/** Names of everything that can be called. */
export function overview(recipes: readonly Recipe[], endpoints: readonly Endpoint[]): string {
  const width = Math.max(
    ...endpoints.map(({ operationId }) => operationId.length),
    ...recipes.map(({ name }) => name.length),
  )
  const line = (name: string, doc: string) => `  ${name.padEnd(width)}  ${doc}`
  return [
    "usage: node src/cli.ts <recipe> [arguments] [flags], or <operation> [--parameter value] [flags]",
    "",
    "Recipes:",
    ...recipes.map(({ name, doc }) => line(name, doc)),
    "",
    "Operations of the API:",
    ...endpoints.map(({ operationId, summary }) => line(operationId, summary)),
    flags,
  ].join("\n")
}

/** How a recipe is called. */
export function recipeHelp({ name, doc, parameters, options }: Recipe): string {
  const signature = [name, ...parameters.map(placeholder), ...(options === undefined ? [] : ["key=value …"])].join(" ")
  const defaults = parameters.flatMap(({ name: own, default: fallback, named }) =>
    fallback === undefined || named === true ? [] : [`  ${own}  default ${JSON.stringify(fallback)}`],
  )
  return [`just ${signature}`, doc, ...defaults, flags].join("\n")
}

/** How an operation is called. */
export function operationHelp(endpoint: Endpoint): string {
  const fields = [endpoint.params, endpoint.query, endpoint.body].flatMap((schema) => {
    if (schema === undefined) return []
    const { properties = {}, required = [] } = jsonSchema(schema, "input") as {
      properties?: Record<string, Record<string, unknown>>
      required?: string[]
    }
    return Object.entries(properties).map(([name, field]) => {
      const facts: unknown[] = [
        typeName(field),
        required.includes(name) ? "required" : undefined,
        defaultOf(field),
        field["description"],
      ]
      return `  --${name.replaceAll("_", "-")}  ${facts.filter((fact) => typeof fact === "string").join(", ")}`
    })
  })
  const { operationId, method, path, summary } = endpoint
  return [
    `${operationId}: ${method} ${path}`,
    summary,
    ...fields,
    `Errors: ${errorCodes(endpoint).join(", ")}`,
    flags,
  ].join("\n")
}

function typeName(field: Readonly<Record<string, unknown>>): string {
  const {
    enum: values,
    type,
    anyOf,
  } = field as { enum?: string[]; type?: string | string[]; anyOf?: { type?: string }[] }
  if (values !== undefined) return values.join("|")
  return [type ?? anyOf?.map((alternative) => alternative.type) ?? "value"].flat().join("|")
}

function defaultOf(field: Readonly<Record<string, unknown>>): string | undefined {
  return field["default"] === undefined ? undefined : `default ${JSON.stringify(field["default"])}`
}
