import { type ResourceIdentity, normalResource } from "./resource.ts"

/** What a token for a proxy may be for. */
export interface Audience extends ResourceIdentity {
  /** Further URIs, from the registry, in normal form. */
  readonly registered: readonly string[]
}

/**
 * Does a token's audience name this proxy (RFC 8707 §2, RFC 9068 §4)? Either form of its identity will do, and so does each of
 * its URIs in the registry.
 * @param aud resource identifiers in any spelling that {@link normalResource} makes equal
 * @param strict false also takes an identifier that is a whole-segment prefix of the canonical one on the same origin
 */
export function audienceCovers(
  aud: readonly string[],
  { origin, canonical, registered }: Audience,
  strict: boolean,
): boolean {
  return aud.some((value) => {
    if (value === canonical || value === origin) return true
    const resource = normalResource(value)
    if (resource === undefined) return false
    if (resource === canonical || resource === origin || registered.includes(resource)) return true
    // What ends before a slash of `https://host/path` and has an authority cannot end inside of that authority.
    return !strict && canonical.startsWith(`${resource}/`)
  })
}
