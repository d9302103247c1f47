import type { OAuthParts } from "../../src/api/oauth-parts.ts"
import type { Redis } from "ioredis"
import { counters } from "../../src/platform/counters.ts"
import { oauthIndex } from "../../src/platform/oauth-index.ts"
import { usage } from "../../src/platform/usage.ts"

/** What the endpoints about OAuth work with, on a real Redis; a node without public listeners. */
export function oauthParts(redis: Redis): OAuthParts {
  const counted = counters(redis, Date.now, () => undefined)
  // Hosts of tests are this node's, at a port where nobody listens: no name service is asked for them.
  const serves = (authority: string) => authority.endsWith(".internal:8443")
  const own = { serves, address: "127.0.0.1", port: () => 0, internalCa: () => undefined }
  return {
    index: oauthIndex(redis),
    counters: counted,
    usage: usage(redis, counted),
    checks: {},
    own,
    rotation: () => Promise.reject(new Error("no signing keys here")),
    rotated: () => undefined,
  }
}
