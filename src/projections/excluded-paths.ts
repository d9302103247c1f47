import type { Proxy } from "../events/proxy.ts"

/** Paths of a proxy that are open to everybody, without the slash at their end. */
export function excludedPaths({ auth }: Pick<Proxy, "auth">): readonly string[] {
  return (auth?.auth_excluded_paths ?? []).map((path) => path.replace(/\/$/, ""))
}

/**
 * Is a path open? Whole segments only, and never for a path whose meaning a backend may read otherwise (parameters, escapes).
 * @param path canonical
 * @param excluded as {@link excludedPaths} gives them
 */
export function isExcluded(path: string, excluded: readonly string[]): boolean {
  if (/[;%]/.test(path)) return false
  return excluded.some((prefix) => path === prefix || path.startsWith(`${prefix}/`))
}
