import { prose } from "./markdown.ts"

/** The parts of JSON Schema that the API's document uses. */
export interface Schema {
  readonly $ref?: string
  readonly type?: string | readonly string[]
  readonly format?: string
  readonly description?: string
  readonly enum?: readonly unknown[]
  readonly const?: unknown
  readonly default?: unknown
  readonly minimum?: number
  readonly maximum?: number
  readonly minLength?: number
  readonly maxLength?: number
  readonly properties?: Readonly<Record<string, Schema>>
  readonly required?: readonly string[]
  readonly additionalProperties?: Schema | boolean
  readonly items?: Schema
  readonly anyOf?: readonly Schema[]
  readonly oneOf?: readonly Schema[]
}

/** Named schemas of the document. */
export type Schemas = Readonly<Record<string, Schema>>

const deepest = 3

/** The schema behind a reference. */
function resolved(schema: Schema, schemas: Schemas): Schema {
  return schema.$ref === undefined ? schema : (schemas[nameOf(schema.$ref)] ?? {})
}

function nameOf(reference: string): string {
  return reference.slice(reference.lastIndexOf("/") + 1)
}

/** A few words: `integer 1 to 100`, `"all" | "none"`, `list of string`. */
export function typeOf(schema: Schema, schemas: Schemas): string {
  const { type, format, enum: values, const: only, items, anyOf, oneOf } = resolved(schema, schemas)
  if (only !== undefined) return JSON.stringify(only)
  if (values !== undefined) return values.map((value) => JSON.stringify(value)).join(" | ")
  const choices = anyOf ?? oneOf
  if (choices !== undefined) return [...new Set(choices.map((choice) => typeOf(choice, schemas)))].join(" | ")
  if (type === "array") return `list of ${typeOf(items ?? {}, schemas)}`
  const name = typeof type === "string" ? type : (type?.join(" | ") ?? "any")
  return [name, format, limits(schema)].filter(Boolean).join(" ")
}

function limits({ minimum, maximum, minLength, maxLength }: Schema): string {
  const real = (value: number | undefined) =>
    value === undefined || Math.abs(value) >= Number.MAX_SAFE_INTEGER ? undefined : value
  const [low, high] = [real(minimum) ?? minLength, real(maximum) ?? maxLength]
  const unit = minLength === undefined && maxLength === undefined ? "" : " characters"
  if (low === undefined && high === undefined) return ""
  if (low === undefined) return `up to ${high}${unit}`
  return high === undefined ? `from ${low}${unit}` : `${low} to ${high}${unit}`
}

/** Rows of name, type and meaning for an object's fields, nested ones with dotted names. */
export function schemaRows(schema: Schema, schemas: Schemas, prefix = "", depth = 0): string[][] {
  const { properties = {}, required = [], items, anyOf, oneOf } = resolved(schema, schemas)
  if (items !== undefined) return schemaRows(items, schemas, `${prefix}[]`, depth)
  const choices = anyOf ?? oneOf
  if (choices !== undefined) return unique(choices.flatMap((choice) => schemaRows(choice, schemas, prefix, depth)))
  return Object.entries(properties).flatMap(([name, field]) => {
    const path = prefix === "" ? name : `${prefix}.${name}`
    const meaning = [
      field.description ?? resolved(field, schemas).description,
      field.default === undefined ? undefined : `Default \`${JSON.stringify(field.default)}\`.`,
    ]
    const row = [
      `\`${path}\`${required.includes(name) ? "" : " (optional)"}`,
      `\`${typeOf(field, schemas)}\``,
      prose(meaning.filter((text) => text !== undefined).join(" ")),
    ]
    return [row, ...(depth < deepest ? schemaRows(field, schemas, path, depth + 1) : [])]
  })
}

function unique(rows: readonly string[][]): string[][] {
  return [...new Map(rows.map((row) => [row[0]!, row])).values()]
}
