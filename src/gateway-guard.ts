import type { Config } from "./platform/config.ts"
import type { Guard } from "./edge/guard.ts"
import type { Logger } from "./platform/log.ts"
import type { Projections } from "./projections/projections.ts"
import { accessTokens } from "./projections/access-token.ts"
import { browserCookies } from "./projections/browser-cookie.ts"
import { browserGuard } from "./edge/browser-guard.ts"
import { proofLife, proofNonces } from "./projections/dpop-nonce.ts"
import { randomSecret } from "./platform/ids.ts"
import { tokenGuard } from "./edge/token-guard.ts"
import type { TtlStore } from "./platform/ttl-store.ts"
import { usedProofs } from "./platform/used-proofs.ts"

/** Memory of used proofs of possession that the gateways of all nodes share. */
export function sharedProofs(config: Config, ttl: TtlStore, log: Logger): (id: string) => Promise<boolean> {
  return usedProofs(ttl, proofLife(config.OAUTH_DPOP_NONCE_REQUIRED), log)
}

/** The guard of proxied hosts: access tokens everywhere, cookies of browsers on hosts that take them. */
export function gatewayGuard(config: Config, projections: Projections, now: () => number = Date.now): Guard {
  const world = () => projections.world
  const nonces = config.OAUTH_DPOP_NONCE_REQUIRED ? proofNonces(config.MASTER_KEY, now) : undefined
  return browserGuard({
    guard: tokenGuard({ tokens: accessTokens({ world, now }), settings: config, now, nonces }),
    cookies: browserCookies(world, now),
    settings: config,
    now,
    secret: randomSecret,
  })
}
