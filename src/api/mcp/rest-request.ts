import { type FieldError, GatehouseError } from "../../errors.ts"
import type { Endpoint } from "../endpoint.ts"
import { bodyArgument, fieldsOf } from "./tool.ts"

/** Arguments of a tool, as its caller sent them. */
export type Arguments = Readonly<Record<string, unknown>>

/** A REST request in parts; the path's parameters are percent-encoded. */
export interface RestRequest {
  readonly params: Readonly<Record<string, string>>
  readonly query: URLSearchParams
  readonly headers: Readonly<Record<string, string>>
  readonly body: string | undefined
}

const headerNames = new Map([
  ["idempotency_key", "idempotency-key"],
  ["if_match", "if-match"],
])

/**
 * What a call of the endpoint with these arguments looks like over REST. An argument that is neither a parameter nor a header
 * belongs to the body or, where there is none, to the query: the endpoint's own validation says what is wrong with it.
 * @throws GatehouseError `validation_failed` for a value that no path or query can carry
 */
export function restRequest(endpoint: Endpoint, args: Arguments): RestRequest {
  const inPath = Object.keys(fieldsOf(endpoint.params))
  const missing = inPath.filter((name) => (args[name] ?? null) === null)
  if (missing.length > 0) throw wrong(missing.map((path) => ({ path, message: "is required" })))

  const places = placesOf(endpoint)
  const {
    path = [],
    query = [],
    header = [],
    body = [],
  } = Object.groupBy(Object.entries(args), ([name]) => places(name))
  return {
    params: Object.fromEntries(path.map(([name, value]) => [name, encodeURIComponent(scalar(name, value))])),
    query: new URLSearchParams(
      Object.fromEntries(
        query.filter(([, value]) => value !== null).map(([name, value]) => [name, scalar(name, value)]),
      ),
    ),
    headers: Object.fromEntries(header.map(([name, value]) => headerField(name, value))),
    body: endpoint.body === undefined ? undefined : JSON.stringify(bodyOf(endpoint, body)),
  }
}

/** The arguments under the names of the body's fields. */
function bodyOf(endpoint: Endpoint, args: readonly (readonly [string, unknown])[]): Record<string, unknown> {
  const fields = Object.keys(fieldsOf(endpoint.body)).map((field) => [bodyArgument(endpoint, field), field] as const)
  const fieldOf = new Map(fields)
  return Object.fromEntries(args.map(([name, value]) => [fieldOf.get(name) ?? name, value]))
}

function placesOf({ method, params, query, body }: Endpoint): (name: string) => "path" | "query" | "header" | "body" {
  const [inPath, inQuery] = [fieldsOf(params), fieldsOf(query)]
  return (name) => {
    if (Object.hasOwn(inPath, name)) return "path"
    if (Object.hasOwn(inQuery, name)) return "query"
    if (method !== "GET" && headerNames.has(name)) return "header"
    return body === undefined ? "query" : "body"
  }
}

function headerField(name: string, value: unknown): [string, string] {
  const text = scalar(name, value)
  if (!/^[\x20-\x7e]{1,128}$/.test(text)) throw wrong([{ path: name, message: "1 to 128 printable characters" }])
  return [headerNames.get(name)!, name === "if_match" ? `"${text}"` : text]
}

function scalar(path: string, value: unknown): string {
  if (typeof value === "string" && value.isWellFormed()) return value
  if (typeof value === "number" || typeof value === "boolean") return String(value)
  throw wrong([{ path, message: "must be a text, a number or a truth value" }])
}

function wrong(errors: readonly FieldError[]): GatehouseError {
  return new GatehouseError("validation_failed", errors.map(({ path, message }) => `${path} ${message}`).join("; "), {
    errors,
  })
}
