import { CliFailure } from "./failure.ts"
import { truth } from "./arguments.ts"

/** JSON Schema of one field. */
export type FieldSchema = Readonly<Record<string, unknown>>

/** Names in a list: separated by commas or blanks. */
export function words(text: string): string[] {
  return text.split(/[,\s]+/).filter((word) => word !== "")
}

/**
 * A field's value from its text on the command line: as its schema would have it; what fits nowhere stays text, for the API to judge.
 * @throws CliFailure usage
 */
export function fieldValue(name: string, text: string, schema: FieldSchema): unknown {
  const types = typesOf(schema)
  if (types.has("null") && (text === "" || text === "null")) return null
  if (types.has("boolean")) return truth(name, text)
  if ((types.has("integer") || types.has("number")) && /^-?\d+(\.\d+)?$/.test(text)) return Number(text)
  if (types.has("array")) return text.trimStart().startsWith("[") ? json(name, text) : words(text)
  if (types.has("object")) return json(name, text)
  return text
}

function typesOf(schema: FieldSchema): Set<string> {
  const own = [schema["type"] ?? []].flat() as string[]
  const alternatives = (schema["anyOf"] ?? schema["oneOf"] ?? []) as FieldSchema[]
  return new Set([...own, ...alternatives.flatMap((alternative) => [...typesOf(alternative)])])
}

function json(name: string, text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    if (error instanceof SyntaxError) throw new CliFailure("usage", `usage: ${name} must be JSON`)
    throw error
  }
}
