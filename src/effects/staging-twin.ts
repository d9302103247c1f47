import type { Config } from "../platform/config.ts"

/**
 * Directory at which a retry is tried first: the configured staging directory, for the configured production directory of
 * the same CA. Undefined for staging itself, a directory of one's own, and a staging directory of somebody else.
 */
export function stagingTwin(
  directoryUrl: string,
  { ACME_DIRECTORY_URL, ACME_STAGING_URL }: Pick<Config, "ACME_DIRECTORY_URL" | "ACME_STAGING_URL">,
): string | undefined {
  if (directoryUrl !== ACME_DIRECTORY_URL || directoryUrl === ACME_STAGING_URL) return undefined
  return site(ACME_DIRECTORY_URL) === site(ACME_STAGING_URL) ? ACME_STAGING_URL : undefined
}

/** The last two labels of a URL's host: one CA's directories share them. */
function site(url: string): string {
  return new URL(url).hostname.split(".").slice(-2).join(".")
}
