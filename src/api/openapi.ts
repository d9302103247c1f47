import * as z from "zod"
import { type ErrorCode, catalogue } from "../errors.ts"
import type { Endpoint } from "./endpoint.ts"
import { none } from "./endpoint.ts"

type Json = Record<string, unknown>

const Problem = z
  .object({
    type: z.string(),
    title: z.string(),
    status: z.int(),
    detail: z.string(),
    code: z.string().describe("Stable: match on this."),
    instance: z.string().describe("Request id."),
    errors: z.array(z.object({ path: z.string(), message: z.string() })).optional(),
    references: z.array(z.string()).optional(),
  })
  .meta({ id: "Problem" })

const Queued = z.strictObject({ command_id: z.string(), status: z.string() }).meta({ id: "Queued" })

const always: readonly ErrorCode[] = ["bad_request", "validation_failed", "rate_limited"]
const withToken: readonly ErrorCode[] = ["unauthenticated", "invalid_token"]
const withBody: readonly ErrorCode[] = ["invalid_json", "payload_too_large", "unsupported_media_type"]
const writes: readonly ErrorCode[] = ["precondition_failed", "idempotency_mismatch", "store_unavailable"]

/** Codes that an endpoint may answer with, its own and those that follow from what it is. */
export function errorCodes(endpoint: Endpoint): ErrorCode[] {
  return [
    ...new Set([
      ...always,
      ...(endpoint.who === "public" ? [] : withToken),
      ...(endpoint.who === "admin" ? (["admin_required"] as const) : []),
      ...(endpoint.params === undefined ? [] : (["not_found"] as const)),
      ...(endpoint.body === undefined ? [] : withBody),
      ...(endpoint.method === "GET" ? (["projection_behind"] as const) : writes),
      ...(endpoint.errors ?? []),
    ]),
  ]
}

/** OpenAPI 3.1 document of a table of endpoints. */
export function openApiDocument(endpoints: readonly Endpoint[], version: string): Json {
  const schemas: Json = {}
  const paths: Record<string, Json> = {}
  for (const endpoint of endpoints)
    (paths[endpoint.path] ??= {})[endpoint.method.toLowerCase()] = operation(endpoint, collector(schemas))
  return {
    openapi: "3.1.0",
    info: { title: "Gatehouse admin API", version, license: { name: "Apache-2.0", identifier: "Apache-2.0" } },
    servers: [{ url: "/" }],
    security: [{ token: [] }],
    paths,
    components: {
      securitySchemes: { token: { type: "http", scheme: "bearer", description: "An API token." } },
      schemas: Object.fromEntries(Object.entries(schemas).sort(([a], [b]) => (a < b ? -1 : 1))),
    },
  }
}

type ToSchema = (schema: z.ZodType, io: "input" | "output") => Json

/** Turns schemas into JSON Schema; named ones go to `schemas` and are referred to. */
function collector(schemas: Json): ToSchema {
  return (schema, io) => {
    const whole = jsonSchema(schema, io)
    const { $defs, ...own } = whole
    Object.assign(schemas, pointToComponents($defs ?? {}))
    const name = (schema.meta() as { id?: string } | undefined)?.id
    if (name === undefined) return pointToComponents(own) as Json
    const { id: _, ...named } = own
    // zod gives a schema that has a name as a reference to its own definition, which stands among the others already.
    if (!("$ref" in named)) schemas[name] = pointToComponents(named)
    return { $ref: `#/components/schemas/${name}` }
  }
}

/** JSON Schema of what a caller sends (`input`) or gets (`output`). What JSON Schema cannot say is left open. */
export function jsonSchema(schema: z.ZodType, io: "input" | "output"): Json {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, {
    io,
    unrepresentable: "any",
    // zod leaves out the default of what it transforms; the schemas of queries name theirs in their own words.
    override: ({ zodSchema, jsonSchema }) => Object.assign(jsonSchema, defaultOf(zodSchema)),
  }) as Json
  return rest
}

function defaultOf(schema: z.core.$ZodType): Json {
  const meta = z.globalRegistry.get(schema)
  return meta !== undefined && "default" in meta ? { default: meta["default"] } : {}
}

function pointToComponents(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(pointToComponents)
  if (value === null || typeof value !== "object") return value
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [
      key,
      key === "$ref" && typeof item === "string"
        ? item.replace("#/$defs/", "#/components/schemas/")
        : pointToComponents(item),
    ]),
  )
}

const rights = {
  admin: "Administrators only.",
  owner: "The object's owner, or an administrator.",
  any: "Any valid token.",
  public: "No token needed.",
} as const

function operation(endpoint: Endpoint, toSchema: ToSchema): Json {
  const body = endpoint.body && toSchema(endpoint.body, "input")
  return {
    operationId: endpoint.operationId,
    tags: [endpoint.tag],
    summary: endpoint.summary,
    description: rights[endpoint.who],
    ...(endpoint.who === "public" && { security: [{}, { token: [] }] }),
    parameters: parameters(endpoint, toSchema),
    ...(body && {
      requestBody: {
        required: ((body["required"] as unknown[]) ?? []).length > 0,
        content: { "application/json": { schema: body } },
      },
    }),
    responses: { ...success(endpoint, toSchema), ...problems(endpoint, toSchema) },
  }
}

function parameters(endpoint: Endpoint, toSchema: ToSchema): Json[] {
  const fields = (schema: z.ZodObject, place: "path" | "query") => {
    const { properties = {}, required = [] } = toSchema(schema, "input") as {
      properties?: Record<string, Json>
      required?: string[]
    }
    return Object.entries(properties).map(([name, { description, ...rest }]) => ({
      name,
      in: place,
      required: place === "path" || required.includes(name),
      ...(description !== undefined && { description }),
      schema: rest,
    }))
  }
  const header = (name: string, description: string) => ({
    name,
    in: "header",
    required: false,
    description,
    schema: { type: "string" },
  })
  const read = endpoint.method === "GET"
  return [
    ...fields(endpoint.params ?? none, "path"),
    ...fields(endpoint.query ?? none, "query"),
    ...(endpoint.passphrase === true
      ? [header("X-Passphrase", "12 to 1024 printable ASCII characters: seals and opens secrets; kept nowhere.")]
      : []),
    ...(read
      ? [
          {
            name: "min_position",
            in: "query",
            required: false,
            description: "Wait up to 2 seconds until this node has folded the log up to there.",
            schema: { type: "integer", minimum: 0 },
          },
          header("If-None-Match", "304 when the answer still has this entity tag."),
        ]
      : [
          header("If-Match", "412 unless the object has this entity tag, of a read or of a write: its version counts."),
          header(
            "Idempotency-Key",
            "1 to 128 printable characters: the same key and body give the same answer for 24 hours.",
          ),
        ]),
  ]
}

function success(
  { method, status, response, contentTypes = ["application/json"] }: Endpoint,
  toSchema: ToSchema,
): Json {
  const schema = toSchema(response, "output")
  const content = Object.fromEntries(contentTypes.map((type) => [type, { schema }]))
  const queued = {
    description: "Not decided yet: follow Location.",
    content: { "application/json": { schema: toSchema(Queued, "output") } },
  }
  return {
    ...(method !== "GET" && status !== 202 && { 202: queued }),
    // Work that turns out to be done already is answered with 200.
    ...(status === 202 && { 200: { description: "Nothing to do.", content } }),
    [status]: {
      description: status === 202 ? "Accepted: follow Location." : "Done.",
      ...(status !== 204 && { content }),
    },
  }
}

function problems(endpoint: Endpoint, toSchema: ToSchema): Json {
  const byStatus = Map.groupBy(errorCodes(endpoint), (code) => catalogue[code].status)
  return Object.fromEntries(
    [...byStatus].map(([status, codes]) => [
      status,
      {
        description: codes.map((code) => `\`${code}\`: ${catalogue[code].title}`).join(" "),
        content: { "application/problem+json": { schema: toSchema(Problem, "output") } },
      },
    ]),
  )
}
