import { type FieldSchema, fieldValue } from "./value.ts"
import { CliFailure } from "./failure.ts"
import type { Endpoint } from "../api/endpoint.ts"
import type { Session } from "./session.ts"
import { follow } from "./follow.ts"
import { jsonSchema } from "../api/openapi.ts"

/** Flags that every command understands; an operation's own parameter of the same name wins. */
export const commonFlags = [
  "output",
  "yes",
  "force",
  "wait",
  "timeout",
  "page",
  "per-page",
  "if-match",
  "reason",
  "token",
  "help",
  "reassign-to",
]

/** Flags that need no value. */
export const switches = new Set(["yes", "force", "wait", "help"])

interface Fields {
  readonly properties: Readonly<Record<string, FieldSchema>>
  readonly required: readonly string[]
}

function fieldsOf(schema: Endpoint["body"]): Fields {
  const { properties = {}, required = [] } = (
    schema === undefined ? {} : jsonSchema(schema, "input")
  ) as Partial<Fields>
  return { properties, required }
}

/** Calls one operation of the API with its parameters as flags. @throws CliFailure */
export async function runOperation(
  endpoint: Endpoint,
  session: Session,
  flags: ReadonlyMap<string, string>,
): Promise<void> {
  const places = { params: fieldsOf(endpoint.params), query: fieldsOf(endpoint.query), body: fieldsOf(endpoint.body) }
  const input = {
    params: take(places.params, flags, asText),
    query: take(places.query, flags, asText),
    body: take(places.body, flags, fieldValue),
  }
  refuseUnknown(endpoint, [...Object.values(places).flatMap(({ properties }) => Object.keys(properties))], flags)
  const token =
    endpoint.who === "public" && !flags.has("token") ? undefined : await session.token(flags.get("token") ?? "")
  const whole = {
    params: input.params,
    query: input.query,
    token,
    ifMatch: flags.get("if-match"),
    ...(endpoint.body && { body: input.body }),
  }
  if (endpoint.method === "DELETE" && flags.get("dry-run") !== "true")
    await session.confirm(`${endpoint.summary} ${Object.values(input.params).join(" ")}`)
  const list = collection(endpoint)
  if (list !== undefined) return session.show(await session.list(endpoint.operationId, list, whole))
  const reply = await session.call(endpoint.operationId, whole)
  if (reply.status === 202)
    return follow(session, reply, token, `node src/cli.ts getCommand --id ${reply.body["command_id"] as string}`)
  return session.show(reply)
}

const asText = (_name: string, text: string) => text

function take<T>(
  { properties, required }: Fields,
  flags: ReadonlyMap<string, string>,
  value: (name: string, text: string, schema: FieldSchema) => T,
) {
  const taken: Record<string, T> = {}
  for (const [name, schema] of Object.entries(properties)) {
    const text = flags.get(name.replaceAll("_", "-"))
    if (text !== undefined) taken[name] = value(name, text, schema)
    else if (required.includes(name)) throw new CliFailure("usage", `usage: --${name.replaceAll("_", "-")} is missing`)
  }
  return taken
}

function refuseUnknown(endpoint: Endpoint, names: readonly string[], flags: ReadonlyMap<string, string>): void {
  const known = new Set([...commonFlags, ...names.map((name) => name.replaceAll("_", "-"))])
  const unknown = [...flags.keys()].find((flag) => !known.has(flag))
  if (unknown !== undefined)
    throw new CliFailure("usage", `usage: ${endpoint.operationId} has no --${unknown}; see --help`)
}

/** Name of the array that a list's answer holds, or undefined for an endpoint that is no list. */
function collection({ response }: Endpoint): string | undefined {
  const { properties } = jsonSchema(response, "output") as Partial<Fields>
  if (properties === undefined || !("pagination" in properties)) return undefined
  return Object.keys(properties).find((name) => properties[name]!["type"] === "array")
}
