import { type Endpoint, none } from "../endpoint.ts"
import type { Caller } from "../caller.ts"
import type { Tool as ListedTool } from "@modelcontextprotocol/server"
import { jsonSchema } from "../openapi.ts"

/** One MCP tool: an operation of the endpoint table, or that operation with the flag that makes it answer a stored secret. */
export interface Tool {
  readonly name: string
  readonly endpoint: Endpoint
  /** Query flag that this tool always sets, once confirmed. */
  readonly reveals: string | undefined
  /**
   * What a call without `confirm: true` does instead of the real thing: the endpoint's own dry run, a read of the object that
   * would go, a refusal; undefined for what needs no confirmation.
   */
  readonly first: "dry-run" | "read" | "refuse" | undefined
}

/** Operations that say nothing to whoever has the list of tools, and other ways to call one that is a tool. */
const withoutTool = new Set(["getOpenApi", "generateToken", "enableRouteByPost", "disableRouteByPost"])

/** The tools of a table of endpoints, in its order: every operation that answers JSON. */
export function toolsOf(endpoints: readonly Endpoint[]): Tool[] {
  return endpoints
    .filter(({ operationId }) => !withoutTool.has(operationId))
    .filter(({ contentTypes = ["application/json"] }) => contentTypes[0] === "application/json")
    .flatMap((endpoint) => [
      ...(endpoint.reveals === "confirm" ? [] : [tool(endpoint, endpoint.operationId, undefined)]),
      ...(endpoint.reveals === undefined || endpoint.passphrase === true
        ? []
        : [tool(endpoint, revealingName(endpoint), endpoint.reveals)]),
    ])
}

function revealingName({ operationId, reveals }: Endpoint): string {
  return reveals === "confirm" ? operationId : `${operationId}WithSecret`
}

function tool(endpoint: Endpoint, name: string, reveals: string | undefined): Tool {
  return { name, endpoint, reveals, first: reveals === undefined ? firstStep(endpoint) : "refuse" }
}

function firstStep(endpoint: Endpoint): Tool["first"] {
  if ("dry_run" in fieldsOf(endpoint.query) || "dry_run" in fieldsOf(endpoint.body)) return "dry-run"
  return endpoint.method === "DELETE" ? "read" : undefined
}

/** Fields of an object's schema by name; of anything else, none. */
export function fieldsOf(schema: unknown): Readonly<Record<string, unknown>> {
  return (schema as { shape?: Record<string, unknown> } | undefined)?.shape ?? {}
}

/** Name of the argument for a field of the body: `new_name` where `name` is in the path already. */
export function bodyArgument({ params, query }: Endpoint, field: string): string {
  // An endpoint may take it in either place; what a call without confirmation says must not be said twice.
  if (field === "dry_run") return field
  return [params, query].some((schema) => Object.hasOwn(fieldsOf(schema), field)) ? `new_${field}` : field
}

/** May this caller use the tool? The endpoint itself checks again, and whose object it is. */
export function mayUse({ endpoint, reveals }: Tool, { admin }: Caller): boolean {
  return admin || (endpoint.who !== "admin" && reveals === undefined)
}

/** The tool as `tools/list` shows it (MCP 2026-07-28, server/tools). */
export function listedTool(tool: Tool): ListedTool {
  const { endpoint, name, reveals } = tool
  const { method, status } = endpoint
  const readOnly = method === "GET" && reveals === undefined
  return {
    name,
    title: titleOf(name),
    description: [endpoint.summary, notes[tool.first ?? "none"]].filter(Boolean).join(" "),
    inputSchema: inputSchema(tool),
    annotations: {
      title: titleOf(name),
      readOnlyHint: readOnly,
      // What is not a creation may overwrite or remove.
      destructiveHint: method !== "GET" && status !== 201,
      idempotentHint: method !== "POST",
      openWorldHint: false,
    },
  }
}

const notes = {
  "dry-run": "Without confirm: true it only reports what would happen.",
  read: "Without confirm: true it only shows what would go.",
  refuse: "The answer holds a secret; needs confirm: true, and is recorded as an event.",
  none: "",
} as const

/** `listTokenCertificates` → `List token certificates`. */
function titleOf(name: string): string {
  const words = name.replaceAll(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`)
  return words.charAt(0).toUpperCase() + words.slice(1)
}

interface ObjectSchema {
  readonly properties?: Readonly<Record<string, object>>
  readonly required?: readonly string[]
  readonly $defs?: Readonly<Record<string, object>>
}

const confirm = { type: "boolean", default: false, description: "Really do it." }

const forWrites = {
  idempotency_key: {
    type: "string",
    maxLength: 128,
    description: "Calls with the same key and arguments are done once, for 24 hours.",
  },
  if_match: { type: "integer", minimum: 1, description: "Refuse unless the object has this version." },
} as const

/** Parameters, query and body as one object of arguments. */
function inputSchema({ endpoint, reveals, first }: Tool): ListedTool["inputSchema"] {
  const { params = none, query = none, body = none, method } = endpoint
  const parts = [params, query].map((schema) => jsonSchema(schema, "input") as ObjectSchema)
  parts.push(withArgumentNames(endpoint, jsonSchema(body, "input")))
  const { dry_run: _, ...properties } = Object.assign({}, ...parts.map((part) => part.properties)) as Record<
    string,
    object
  >
  for (const flag of [endpoint.reveals, endpoint.streams]) if (flag !== undefined) delete properties[flag]
  const $defs = Object.assign({}, ...parts.map((part) => part.$defs)) as Record<string, object>
  const required = parts.flatMap((part) => part.required ?? [])
  return {
    type: "object",
    properties: {
      ...properties,
      ...(method !== "GET" && forWrites),
      ...((first !== undefined || reveals !== undefined) && { confirm }),
    },
    ...(required.length > 0 && { required }),
    additionalProperties: false,
    ...(Object.keys($defs).length > 0 && { $defs }),
  }
}

function withArgumentNames(
  endpoint: Endpoint,
  { properties = {}, required = [], ...rest }: ObjectSchema,
): ObjectSchema {
  const name = bodyArgument.bind(undefined, endpoint)
  return {
    ...rest,
    properties: Object.fromEntries(Object.entries(properties).map(([field, schema]) => [name(field), schema])),
    required: required.map(name),
  }
}
