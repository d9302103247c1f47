import type * as z from "zod"
import { type FieldError, GatehouseError } from "../errors.ts"
import { complaint } from "../commands/complaint.ts"
import type { Endpoint } from "./endpoint.ts"
import { none } from "./endpoint.ts"

/** Path parameters. What cannot be a name names nothing: 404. @throws GatehouseError `not_found` */
export function parseParams(endpoint: Endpoint, raw: Readonly<Record<string, string>>): Record<string, unknown> {
  const parsed = (endpoint.params ?? none).safeParse(mapValues(raw, decode))
  if (!parsed.success) throw new GatehouseError("not_found")
  return parsed.data
}

function mapValues(
  values: Readonly<Record<string, string>>,
  change: (value: string) => string,
): Record<string, string> {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, change(value)]))
}

function decode(value: string): string {
  try {
    return decodeURIComponent(value)
  } catch (error) {
    if (error instanceof URIError) throw new GatehouseError("bad_request", "the path is not properly encoded")
    throw error
  }
}

/** Query parameters, each at most once. @throws GatehouseError `validation_failed` */
export function parseQuery(endpoint: Endpoint, query: URLSearchParams): Record<string, unknown> {
  const repeated = [...new Set(query.keys())].find((name) => query.getAll(name).length > 1)
  if (repeated !== undefined) throw unacceptable([{ path: repeated, message: "is given more than once" }])
  const parsed = (endpoint.query ?? none).safeParse(Object.fromEntries(query), { error: complaint })
  if (!parsed.success) throw unacceptable(fieldErrors(parsed.error))
  return parsed.data
}

/** The body, or `{}` for none, against the endpoint's schema. @throws GatehouseError `bad_request`, `validation_failed` */
export function parseBody(endpoint: Endpoint, body: unknown): unknown {
  if (endpoint.body === undefined) {
    if (body !== undefined) throw new GatehouseError("bad_request", "this endpoint takes no body")
    return undefined
  }
  const given = body === undefined ? {} : body
  const prepared = endpoint.prepare !== undefined && isObject(given) ? endpoint.prepare(given) : given
  const parsed = endpoint.body.safeParse(prepared, { error: complaint })
  if (!parsed.success) throw unacceptable(fieldErrors(parsed.error, endpoint.unknownField))
  return parsed.data
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value)
}

function unacceptable(errors: readonly FieldError[]): GatehouseError {
  const [first] = errors
  const said = first === undefined ? undefined : [first.path, first.message].filter(Boolean).join(": ")
  const more = errors.length - 1
  const detail = more > 0 ? `${said}; and ${more} more` : said
  return new GatehouseError("validation_failed", detail, { errors })
}

function fieldErrors(error: z.ZodError, unknownField: Endpoint["unknownField"] = () => undefined): FieldError[] {
  return error.issues.flatMap((issue) => {
    if (issue.code === "unrecognized_keys")
      return issue.keys.map((key) => ({
        path: [...issue.path, key].join("."),
        message: unknownField(key) ?? "is not known here",
      }))
    return [{ path: issue.path.join("."), message: issue.message }]
  })
}
