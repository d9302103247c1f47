/** Revisions with a handshake, oldest last; a server may still negotiate the oldest two. */
const legacyVersions = ["2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05", "2024-10-07"] as const

/** Stateless revisions: each request says its own. */
const modernVersions = ["2026-07-28"] as const

/** Revisions that the gateway judges, newest first. */
export const knownVersions: readonly string[] = [...modernVersions, ...legacyVersions]

/** What a legacy request without the header speaks: the header came with 2025-06-18. */
export const unnamedVersion = "2025-03-26"

/** `legacy`: sessions and a handshake, up to 2025-11-25. `modern`: 2026-07-28 and later. */
export type Era = "legacy" | "modern"

/** @returns undefined for a revision that nobody knows */
export function eraOf(version: string): Era | undefined {
  if ((modernVersions as readonly string[]).includes(version)) return "modern"
  return (legacyVersions as readonly string[]).includes(version) ? "legacy" : undefined
}
