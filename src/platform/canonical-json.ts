/**
 * JSON with sorted keys and no spaces: equal values give equal text. Members that are undefined are left out, as JSON does.
 * Numbers and strings are as ECMAScript prints them (RFC 8785 §3.2), keys in the order of their UTF-16 code units (§3.2.3).
 */
export function canonicalJson(value: unknown): string {
  if (value === null || typeof value !== "object") return JSON.stringify(value) ?? "null"
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(",")}]`
  // Every event that is read is hashed over this text: no intermediate lists.
  let text = ""
  for (const key of Object.keys(value).sort()) {
    const item = (value as Readonly<Record<string, unknown>>)[key]
    if (item !== undefined) text += `${text === "" ? "" : ","}${JSON.stringify(key)}:${canonicalJson(item)}`
  }
  return `{${text}}`
}
