const form = /^=\?base64\?(.*)\?=$/s
const canonical = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/

/** May a header of the request metadata hold this (RFC 9110 §5.5): visible ASCII, blanks and tabs? */
export function isSafeValue(value: string): boolean {
  return /^[\t\x20-\x7e]*$/.test(value)
}

/**
 * Text behind the value of `Mcp-Name` or `Mcp-Param-…` (MCP 2026-07-28, Value Encoding): `=?base64?…?=` is decoded, everything
 * else stands for itself.
 * @returns undefined for characters that may not stand in a header, and for broken Base64 or UTF-8
 */
export function decodeHeaderValue(value: string): string | undefined {
  if (!isSafeValue(value)) return undefined
  const encoded = form.exec(value)?.[1]
  if (encoded === undefined) return value
  if (!canonical.test(encoded)) return undefined
  const bytes = Buffer.from(encoded, "base64")
  // Padding bits that are not zero would give two spellings of one text.
  if (bytes.toString("base64") !== encoded) return undefined
  const text = bytes.toString("utf8")
  return Buffer.from(text, "utf8").equals(bytes) ? text : undefined
}
