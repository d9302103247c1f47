import { isUtf8 } from "node:buffer"

/** Why a body is no JSON that everybody reads alike. */
export type JsonFault = "not_utf8" | "not_json" | "too_deep" | "duplicate_key"

/** Deeper values have no honest use, and parsers of many languages end their process on them. */
const mostDepth = 256

/**
 * Parses JSON as RFC 8259 and I-JSON (RFC 7493) want it: UTF-8 without a byte order mark, no name twice in an object, because
 * parsers disagree on which of two wins, and no nesting that a backend cannot follow.
 */
export function readJson(
  bytes: Buffer,
): { readonly ok: true; readonly value: unknown; readonly text: string } | { readonly ok: false; fault: JsonFault } {
  if (!isUtf8(bytes)) return { ok: false, fault: "not_utf8" }
  const text = bytes.toString("utf8")
  const members = writtenMembers(text)
  if (members === -1) return { ok: false, fault: "too_deep" }
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return { ok: false, fault: "not_json" }
  }
  // A name that stands twice is one member of the value but two of the text.
  if (keptMembers(value) !== members) return { ok: false, fault: "duplicate_key" }
  return { ok: true, value, text }
}

/** Colons outside of strings: one for each member, if the text is JSON. @returns -1 when it nests too deeply */
function writtenMembers(text: string): number {
  let members = 0
  let depth = 0
  for (let at = 0; at < text.length; at += 1)
    switch (text.charCodeAt(at)) {
      case 0x22:
        at = endOfString(text, at)
        break
      case 0x3a:
        members += 1
        break
      case 0x5b:
      case 0x7b:
        depth += 1
        if (depth > mostDepth) return -1
        break
      case 0x5d:
      case 0x7d:
        depth -= 1
        break
      default:
        break
    }
  return members
}

/** Index of the quote that ends the string which begins at `start`; the end of the text when none does. */
function endOfString(text: string, start: number): number {
  for (let at = text.indexOf('"', start + 1); at !== -1; at = text.indexOf('"', at + 1)) {
    let slashes = 0
    while (text.charCodeAt(at - 1 - slashes) === 0x5c) slashes += 1
    if (slashes % 2 === 0) return at
  }
  return text.length
}

function keptMembers(value: unknown): number {
  if (value === null || typeof value !== "object") return 0
  let members = 0
  if (Array.isArray(value)) for (const item of value) members += keptMembers(item)
  else
    for (const item of Object.values(value)) {
      members += 1
      if (item !== null && typeof item === "object") members += keptMembers(item)
    }
  return members
}

/**
 * Name of a member as the laxest parsers compare it: without case, and with the letters that Unicode folds onto ASCII ones.
 * Go's `encoding/json` takes `Params` and `paramſ` for `params`.
 */
export function foldMember(name: string): string {
  return name.toUpperCase().toLowerCase()
}

/** Is there a member that is not one of these names but that somebody could take for it? @param names in lower case with their exact spelling */
export function hasLookalike(value: object, names: ReadonlyMap<string, string>): boolean {
  for (const name of Object.keys(value)) {
    const exact = names.get(foldMember(name))
    if (exact !== undefined && exact !== name) return true
  }
  return false
}

/** Table for {@link hasLookalike}. */
export function lookalikes(...names: readonly string[]): ReadonlyMap<string, string> {
  return new Map(names.map((name) => [foldMember(name), name]))
}

/**
 * The digits of the `id` members of the outermost objects, by object: JavaScript cannot hold every number that JSON can.
 * @param text JSON
 * @returns the value again, and its ids
 */
export function idSources(text: string): { readonly value: unknown; readonly sources: ReadonlyMap<unknown, string> } {
  const sources = new Map<unknown, string>()
  const value: unknown = JSON.parse(
    text,
    function note(this: unknown, name: string, item: unknown, ...rest: unknown[]) {
      const source = (rest[0] as { source?: string } | undefined)?.source
      if (name === "id" && source !== undefined) sources.set(this, source)
      return item
    },
  )
  return { value, sources }
}
