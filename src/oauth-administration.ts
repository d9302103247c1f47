import type { AuthorizationServerParts } from "./oauth/authorization-server.ts"
import type { CrashPoint } from "./platform/crash-point.ts"
import type { Counters } from "./platform/counters.ts"
import type { Edge } from "./edge/edge.ts"
import type { OAuthParts } from "./api/oauth-parts.ts"
import type { OwnHosts } from "./api/diagnose/reach.ts"
import type { Redis } from "ioredis"
import type { Usage } from "./platform/usage.ts"
import { accessTokens } from "./projections/access-token.ts"
import { authority } from "./platform/config.ts"
import { find } from "./events/world.ts"
import { oauthChecks } from "./oauth-checks.ts"
import { oauthIndex } from "./platform/oauth-index.ts"
import { signingKeys } from "./oauth/signing-keys.ts"

/** What the administration of OAuth is put together from. */
export interface AdministrationParts extends Pick<
  AuthorizationServerParts,
  "config" | "projections" | "bus" | "store" | "vault" | "clock"
> {
  readonly redis: Redis
  readonly crash: CrashPoint
  readonly counters: Counters
  readonly usage: Usage
  /** The public listeners, once they serve. */
  readonly edge: () => Edge | undefined
}

/** What the API's endpoints about OAuth work with. */
export function oauthAdministration(parts: AdministrationParts): OAuthParts {
  const { redis, counters, usage, projections, clock, crash } = parts
  const own = ownHosts(parts)
  const keys = signingKeys(parts)
  const tokens = accessTokens({ world: () => projections.world, now: () => clock().getTime() })
  const checks = oauthChecks({ ...parts, signingKeys: keys, accessTokens: tokens, own, fetch })
  const rotation = () => keys.rotation()
  return { index: oauthIndex(redis), counters, usage, checks, own, rotation, rotated: () => crash("oauth.keyRotated") }
}

/** The hosts that this node serves, by the way to them over its own listener. */
function ownHosts({ config, projections, edge }: AdministrationParts): OwnHosts {
  const { SERVER_HOST, oauthAuthority, publicHttpsPort } = config
  const suffix = authority("", publicHttpsPort)
  return {
    serves(name) {
      if (name === oauthAuthority) return true
      return (
        name.endsWith(suffix) &&
        find(projections.world, "proxy", name.slice(0, name.length - suffix.length)) !== undefined
      )
    },
    address: SERVER_HOST === "0.0.0.0" ? "127.0.0.1" : SERVER_HOST === "::" ? "::1" : SERVER_HOST,
    port: () => edge()?.httpsPort ?? config.HTTPS_PORT,
    internalCa() {
      const ca = find(projections.world, "authority", "internal")
      return ca?.type === "internal" ? ca.certificate_pem : undefined
    },
  }
}
