/** Comparable form of a plain pattern or of a path: one slash at the end does not count. The root is empty. */
export function withoutTrailingSlash(path: string): string {
  return path.endsWith("/") ? path.slice(0, -1) : path
}

/**
 * What keeps a plain pattern from ever matching a path in its canonical form, in words for its author; undefined when it
 * is usable. Patterns are compared with paths that were decoded once, so a pattern must be written like those.
 */
export function pathPatternError(pattern: string): string | undefined {
  if (!pattern.startsWith("/")) return "must start with /"
  if (/[?#]/.test(pattern)) return "is a path, without query and fragment"
  if (pattern.includes("//")) return "must not hold //"
  if (/(?:^|\/)\.{1,2}(?:[;/]|$)/.test(pattern)) return "must not hold . or .. as a segment"
  if (/%(?![0-9A-F]{2})/.test(pattern)) return "holds a broken escape; escapes are written with upper-case digits"
  if (/%(?:2F|5C|00|23|3F)/.test(pattern)) return "holds an escape that paths are refused for"
  if (/%(?:2[DE]|3[0-9]|[46][1-9A-F]|[57][0-9A]|5F|7E)/.test(pattern)) return "escapes a character that needs no escape"
  if (/[^A-Za-z0-9\-._~!$&'()*+,;=:@/%]/.test(pattern))
    return "holds a character that is written percent-encoded in a path"
  return undefined
}
