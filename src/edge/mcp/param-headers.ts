import { decodeHeaderValue } from "./header-value.ts"
import { foldMember } from "./strict-json.ts"
import { isObject } from "./message.ts"

/** A parameter of a tool that its schema wants repeated as `Mcp-Param-<header>` (MCP 2026-07-28, Schema Extension). */
export interface ParamHeader {
  /** Lower case. */
  readonly header: string
  /** Members of `arguments` that lead to the value. */
  readonly path: readonly string[]
  readonly type: "string" | "integer" | "boolean"
}

const token = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/
const mostHeaders = 100

/**
 * Declarations of a tool's input schema, along `properties` alone. What breaks the rules for them declares nothing, and so do two
 * for the same header: no client can send both.
 */
export function paramHeaders(inputSchema: unknown): readonly ParamHeader[] {
  const found = declarations(inputSchema, [])
  const alone = ({ header }: ParamHeader) => found.filter((other) => other.header === header).length === 1
  return found.slice(0, mostHeaders).filter(alone)
}

function declarations(inputSchema: unknown, path: readonly string[]): readonly ParamHeader[] {
  if (!isObject(inputSchema) || !isObject(inputSchema["properties"]) || path.length > 32) return []
  return Object.entries(inputSchema["properties"]).flatMap(([name, schema]): readonly ParamHeader[] => {
    if (!isObject(schema)) return []
    const { "x-mcp-header": header, type } = schema
    const at = [...path, name]
    const primitive = type === "string" || type === "integer" || type === "boolean"
    if (typeof header === "string" && token.test(header) && primitive)
      return [{ header: header.toLowerCase(), path: at, type }]
    return declarations(schema, at)
  })
}

/**
 * What is wrong with the `Mcp-Param-…` headers of a call (Server Behavior for Custom Headers): each is there when its value is,
 * and says the same. `null` is no value. Headers that no parameter declares are not looked at.
 * @param headers by what follows the prefix, in lower case
 */
export function paramFault(
  declared: readonly ParamHeader[],
  args: unknown,
  headers: ReadonlyMap<string, string>,
): string | undefined {
  for (const declaration of declared) {
    const { header, path } = declaration
    const found = valueAt(args, path)
    if (found === ambiguous) return `${path.join(".")} stands twice for parsers that ignore case`
    const given = headers.get(header)
    if (found === undefined || found === null) {
      if (given !== undefined) return `Mcp-Param-${header} repeats a parameter that is not there`
      continue
    }
    if (typeof found === "object") continue
    if (given === undefined) return `Mcp-Param-${header} is missing`
    const decoded = decodeHeaderValue(given)
    if (decoded === undefined) return `Mcp-Param-${header} cannot be decoded`
    if (!isSame(declaration, found as string | number | boolean, decoded))
      return `Mcp-Param-${header} is not the body's ${path.join(".")}`
  }
  return undefined
}

const ambiguous = Symbol("ambiguous")

function valueAt(args: unknown, path: readonly string[]): unknown {
  let value = args
  for (const name of path) {
    if (!isObject(value)) return undefined
    const folded = foldMember(name)
    if (Object.keys(value).some((other) => other !== name && foldMember(other) === folded)) return ambiguous
    value = Object.hasOwn(value, name) ? value[name] : undefined
  }
  return value
}

function isSame({ type }: ParamHeader, value: string | number | boolean, text: string): boolean {
  if (typeof value !== "number") return text === String(value)
  // Beyond this JavaScript could not tell one number from its neighbour.
  if (Number.isInteger(value) && !Number.isSafeInteger(value)) return false
  const decimal = /^-?[0-9]+(?:\.0+)?$/.test(text)
  return type === "integer" && decimal ? Number(text) === value : text === String(value)
}
