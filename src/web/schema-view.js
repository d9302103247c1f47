import { element } from "./element.js"

/** The schema that a reference of the document names. */
export function resolve(schema, spec) {
  if (schema.$ref === undefined) return schema
  const found = schema.$ref
    .slice(2)
    .split("/")
    .reduce((part, key) => part?.[key], spec)
  return found ?? {}
}

/** A few words: `string, date-time`, `integer 1 to 100`, `one of "a", "b"`. */
export function typeOf(schema) {
  if (schema.$ref !== undefined) return schema.$ref.split("/").at(-1)
  if (schema.const !== undefined) return JSON.stringify(schema.const)
  if (schema.enum !== undefined) return schema.enum.map((value) => JSON.stringify(value)).join(" | ")
  const choices = schema.anyOf ?? schema.oneOf
  if (choices !== undefined) return choices.map(typeOf).join(" | ")
  const name = Array.isArray(schema.type) ? schema.type.join(" | ") : (schema.type ?? "any")
  if (name === "array") return `list of ${typeOf(schema.items ?? {})}`
  return [name, schema.format, range(schema)].filter(Boolean).join(" ")
}

function range({ minimum, maximum, minLength, maxLength, default: fallback }) {
  // Integers without limits of their own carry those of a double.
  const limit = (value) => (Math.abs(value) >= Number.MAX_SAFE_INTEGER ? undefined : value)
  const [low, high] = [limit(minimum) ?? minLength, limit(maximum) ?? maxLength]
  const words = [
    low !== undefined && `from ${low}`,
    high !== undefined && `to ${high}`,
    fallback !== undefined && `= ${JSON.stringify(fallback)}`,
  ]
  return words.filter(Boolean).join(" ")
}

/** Fields of an object as a list; what is nested is drawn when it is opened, so that recursion ends. */
export function schemaView(schema, spec) {
  const { properties = {}, required = [], items, anyOf, oneOf } = resolve(schema, spec)
  if (items !== undefined && Object.keys(properties).length === 0) return schemaView(items, spec)
  const choices = anyOf ?? oneOf
  if (choices !== undefined) return element("div", {}, ...choices.map((choice) => schemaView(choice, spec)))
  const fields = Object.entries(properties)
  if (fields.length === 0) return element("p", { class: "note" }, typeOf(resolve(schema, spec)))
  return element("ul", { class: "schema" }, ...fields.map(([name, field]) => fieldView(name, field, required, spec)))
}

function fieldView(name, field, required, spec) {
  const label = [
    element("code", {}, name),
    required.includes(name) ? "" : "?",
    " ",
    element("span", { class: "note" }, typeOf(field)),
    field.description === undefined ? "" : ` · ${field.description}`,
  ]
  if (!hasFields(field)) return element("li", {}, ...label)
  const nested = element("details", {}, element("summary", {}, ...label))
  nested.addEventListener("toggle", () => nested.append(schemaView(field, spec)), { once: true })
  return element("li", {}, nested)
}

function hasFields({ $ref, properties, items, anyOf = [], oneOf = [] }) {
  if ($ref !== undefined || properties !== undefined) return true
  return [items, ...anyOf, ...oneOf].some((part) => part !== undefined && hasFields(part))
}

/** A value to start from: an object's required fields, empty. */
export function exampleOf(schema, spec) {
  const { properties = {}, required = [], type, default: fallback, enum: values, anyOf } = resolve(schema, spec)
  if (fallback !== undefined) return fallback
  if (values !== undefined) return values[0]
  if (anyOf !== undefined) return exampleOf(anyOf[0], spec)
  if (type === "object")
    return Object.fromEntries(required.map((name) => [name, exampleOf(properties[name] ?? {}, spec)]))
  if (type === "array") return []
  if (type === "boolean") return false
  if (type === "integer" || type === "number") return 0
  return ""
}
