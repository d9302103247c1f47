type Json = Readonly<Record<string, unknown>>

/** A TypeScript type for a JSON Schema of the kind that the events have. What it cannot say is `unknown`. */
export function typeOf(schema: Json, indent = ""): string {
  if ("const" in schema) return JSON.stringify(schema["const"])
  if (Array.isArray(schema["enum"])) return schema["enum"].map((value) => JSON.stringify(value)).join(" | ")
  const alternatives = (schema["anyOf"] ?? schema["oneOf"]) as Json[] | undefined
  if (alternatives !== undefined) return [...new Set(alternatives.map((one) => typeOf(one, indent)))].join(" | ")
  if (Array.isArray(schema["type"]))
    return schema["type"].map((type: string) => typeOf({ ...schema, type }, indent)).join(" | ")
  switch (schema["type"]) {
    case "string":
      return "string"
    case "integer":
    case "number":
      return "number"
    case "boolean":
      return "boolean"
    case "null":
      return "null"
    case "array":
      return arrayOf(schema, indent)
    case "object":
      return objectOf(schema, indent)
    default:
      return "unknown"
  }
}

function arrayOf({ items, prefixItems }: Json, indent: string): string {
  if (Array.isArray(prefixItems))
    return `readonly [${prefixItems.map((item: Json) => typeOf(item, indent)).join(", ")}]`
  const item = typeOf((items ?? {}) as Json, indent)
  return /[ |]/.test(item) ? `readonly (${item})[]` : `readonly ${item}[]`
}

function objectOf(schema: Json, indent: string): string {
  const properties = (schema["properties"] ?? {}) as Record<string, Json>
  const required = new Set((schema["required"] ?? []) as string[])
  const inner = `${indent}  `
  const lines = Object.entries(properties).map(([name, property]) => {
    const key = /^[A-Za-z_]\w*$/.test(name) ? name : JSON.stringify(name)
    return `${inner}readonly ${key}${required.has(name) ? "" : "?"}: ${typeOf(property, inner)}\n`
  })
  if (lines.length > 0) return `{\n${lines.join("")}${indent}}`
  const values = schema["additionalProperties"]
  return typeof values === "object" && values !== null
    ? `Readonly<Record<string, ${typeOf(values as Json, indent)}>>`
    : "Readonly<Record<string, never>>"
}
