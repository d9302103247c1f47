/** A request target in the one form that router, guard, access log and backend see. */
export interface CanonicalTarget {
  /** Starts with `/`; no dot segments, no `//`, unreserved escapes decoded, other escapes in upper case. */
  readonly path: string
  /** As received, without `?`; empty when there is none. Never takes part in path matching. */
  readonly query: string
}

// Everything that needs a second look: escapes, parameters, merged slashes, a segment that starts with a dot,
// and characters that no target may hold.
const needsWork = /[^A-Za-z0-9\-._~!$&'()*+,=:@/]|\/\/|\/\./
const badPathCharacter = /[^\x21-\x7e]|[#\\]/
const badQueryCharacter = /[^\x21-\x7e]|#/
const badEscape = /%(?![0-9A-Fa-f]{2})/
// Delimiters and NUL would mean one thing here and another at the backend.
const ambiguousEscape = /%(?:2f|5c|00|23|3f)/i
const unreserved = /^[A-Za-z0-9\-._~]$/

/**
 * Canonical form of an origin-form request target (RFC 9112 §3.2.1, RFC 3986 §6.2.2). Pure; called once per request.
 * @param raw target as received, already reduced to origin form
 * @returns undefined when the target must be refused (400)
 */
export function canonicalTarget(raw: string): CanonicalTarget | undefined {
  if (raw.charCodeAt(0) !== 47) return undefined
  const mark = raw.indexOf("?")
  const query = mark === -1 ? "" : raw.slice(mark + 1)
  if (query !== "" && badQueryCharacter.test(query)) return undefined
  const path = mark === -1 ? raw : raw.slice(0, mark)
  if (!needsWork.test(path)) return { path, query }
  const canonical = canonicalPath(path)
  return canonical === undefined ? undefined : { path: canonical, query }
}

function canonicalPath(raw: string): string | undefined {
  if (badPathCharacter.test(raw) || badEscape.test(raw) || ambiguousEscape.test(raw)) return undefined
  const path = raw
    .replace(/%[0-9A-Fa-f]{2}/g, (escape) => {
      const character = String.fromCharCode(Number.parseInt(escape.slice(1), 16))
      return unreserved.test(character) ? character : escape.toUpperCase()
    })
    .replace(/\/{2,}/g, "/")
  return hidesDotSegment(path) ? undefined : path
}

// A path with more layers of escapes than this has no honest use.
const mostLayers = 4

/** Is there a `.` or `..` segment, with or without parameters or blanks behind it, once every layer of escapes is taken off? */
function hidesDotSegment(path: string): boolean {
  let plain = path
  for (let layer = 0; layer <= mostLayers; layer += 1) {
    if (/(?:^|[/\\])\.\.?[\0-\x20]*(?:[;/\\?#]|$)/.test(plain)) return true
    const next = plain.replace(/%([0-9A-Fa-f]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
    if (next === plain) return false
    plain = next
  }
  return true
}
