import { fc } from "../../support/property.ts"
import { known, waits } from "./population.ts"

/** The part of JSON Schema that the OpenAPI document uses. */
export interface Schema {
  readonly $ref?: string
  readonly type?: string | readonly string[]
  readonly const?: unknown
  readonly enum?: readonly unknown[]
  readonly anyOf?: readonly Schema[]
  readonly properties?: Readonly<Record<string, Schema>>
  readonly required?: readonly string[]
  readonly additionalProperties?: boolean | Schema
  readonly propertyNames?: Schema
  readonly items?: Schema
  readonly minItems?: number
  readonly maxItems?: number
  readonly minLength?: number
  readonly maxLength?: number
  readonly minimum?: number
  readonly maximum?: number
  readonly exclusiveMinimum?: number
  readonly pattern?: string
  readonly format?: string
}

const anything = fc.jsonValue({ maxDepth: 1 })
export const anyText = fc.string()

/** Values that a schema allows; what has a known name is often one of the objects that are there. */
export function valid(schema: Schema, name = ""): fc.Arbitrary<unknown> {
  const own = bySchema(schema, name)
  const names = known[name]
  if (names !== undefined && waits.has(name)) return fc.constantFrom(...names)
  return names === undefined
    ? own
    : fc.oneof({ arbitrary: fc.constantFrom<unknown>(...names), weight: 5 }, { arbitrary: own, weight: 1 })
}

function bySchema(schema: Schema, name: string): fc.Arbitrary<unknown> {
  if (schema.const !== undefined) return fc.constant(schema.const)
  if (schema.enum !== undefined) return fc.constantFrom(...schema.enum)
  if (schema.anyOf !== undefined) return fc.oneof(...schema.anyOf.map((one) => bySchema(one, name)))
  if (Array.isArray(schema.type))
    return fc.oneof(...(schema.type as string[]).map((type) => bySchema({ ...schema, type }, name)))
  switch (schema.type) {
    case "object":
      return object(schema)
    case "array":
      return fc.array(schema.items === undefined ? anyText : valid(schema.items, name), {
        minLength: schema.minItems ?? 0,
        maxLength: Math.min(schema.maxItems ?? 4, 4),
      })
    case "integer":
      return fc.integer({ min: schema.minimum ?? -1000, max: Math.min(schema.maximum ?? 1000, 2 ** 31 - 1) })
    case "number":
      return fc.double({
        min: schema.minimum ?? schema.exclusiveMinimum ?? -1000,
        max: schema.maximum ?? 1000,
        noNaN: true,
      })
    case "boolean":
      return fc.boolean()
    case "null":
      return fc.constant(null)
    case "string":
      return text(schema)
    default:
      return anything
  }
}

function object({
  properties = {},
  required = [],
  additionalProperties,
  propertyNames,
}: Schema): fc.Arbitrary<unknown> {
  const fields = Object.fromEntries(Object.entries(properties).map(([name, schema]) => [name, valid(schema, name)]))
  if (Object.keys(fields).length > 0) return fc.record(fields, { requiredKeys: required as never[] })
  if (typeof additionalProperties !== "object") return fc.constant({})
  const key = propertyNames === undefined ? anyText : text(propertyNames)
  return fc.dictionary(key, valid(additionalProperties), { maxKeys: 3 })
}

const texts = new Map<string, fc.Arbitrary<string>>()

/** Every kind of text once: fast-check takes a millisecond to make an arbitrary of texts. */
function text(schema: Schema): fc.Arbitrary<string> {
  const { minLength, maxLength, pattern, format } = schema
  const kind = JSON.stringify([minLength, maxLength, pattern, format])
  const made = texts.get(kind) ?? newText(schema)
  texts.set(kind, made)
  return made
}

function newText({ minLength = 0, maxLength = 40, pattern, format }: Schema): fc.Arbitrary<string> {
  if (format === "date-time")
    return fc.date({ min: new Date(0), max: new Date(4e12), noInvalidDate: true }).map((date) => date.toISOString())
  if (format === "email") return fc.constantFrom("a@example.com", "b.c@example.org")
  if (format === "uri") return fc.constantFrom("https://ca.example/dir", "http://93.184.216.34/x")
  if (pattern === undefined) return fc.string({ minLength, maxLength: Math.min(maxLength, 40) })
  try {
    return fc.stringMatching(new RegExp(pattern), { maxLength: Math.min(maxLength, 60) })
  } catch {
    // Lookaheads cannot be turned around.
    return fc.stringMatching(/^[a-z][a-z0-9]{0,20}$/)
  }
}

const odd = fc.oneof(
  fc.jsonValue({ maxDepth: 2 }),
  fc.string({ unit: "binary", maxLength: 30 }),
  fc.constantFrom<unknown>(
    "",
    "\0",
    "a\r\nb: c",
    "..",
    "%00",
    "null",
    "__proto__",
    "http://[::1",
    "http://1.2.3.4:99999",
    "*.*",
    "xn--",
    "ü.example",
    "\ud800",
    "(a+)+$",
    "a".repeat(5000),
    -1,
    1e308,
    0.5,
    9_007_199_254_740_991,
    [],
    [[[[]]]],
    { toString: 1, constructor: { prototype: {} } },
  ),
)

/** Mostly what the schema does not allow: a field of another kind, one too many, one missing, or no object at all. */
export function invalid(schema: Schema): fc.Arbitrary<unknown> {
  const fields = [...Object.keys(schema.properties ?? {}), "unknown", "__proto__", "constructor"]
  const spoiled = fc.tuple(valid(schema), fc.dictionary(fc.constantFrom(...fields), odd, { minKeys: 1, maxKeys: 3 }))
  const lacking = fc.tuple(valid(schema), fc.constantFrom(...fields)).map(([whole, name]) => {
    const { [name]: _, ...rest } = whole as Record<string, unknown>
    return rest
  })
  return fc.oneof(
    { arbitrary: spoiled.map(([good, bad]) => ({ ...(good as object), ...bad })), weight: 6 },
    lacking,
    odd,
  )
}

/** Segments of a path that name nothing, or try to be something else. */
export const oddSegment = fc.oneof(
  // An empty one is the list above it.
  fc.string({ minLength: 1, maxLength: 20 }).map(encodeURIComponent),
  fc.constantFrom(
    "%00",
    "%0d%0a",
    "a%2fb",
    "constructor",
    "__proto__",
    "..%2f..",
    "%F0%9F%99%82",
    "%ff",
    "%",
    "-1",
    "a".repeat(300),
  ),
)
