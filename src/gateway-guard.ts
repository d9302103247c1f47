import type { Config } from "./platform/config.ts"
import type { Guard } from "./edge/guard.ts"
import type { Projections } from "./projections/projections.ts"
import { accessTokens } from "./projections/access-token.ts"
import { browserCookies } from "./projections/browser-cookie.ts"
import { browserGuard } from "./edge/browser-guard.ts"
import { randomSecret } from "./platform/ids.ts"
import { tokenGuard } from "./edge/token-guard.ts"

/** The guard of proxied hosts: access tokens everywhere, cookies of browsers on hosts that take them. */
export function gatewayGuard(config: Config, projections: Projections, now: () => number = Date.now): Guard {
  const world = () => projections.world
  return browserGuard({
    guard: tokenGuard({ tokens: accessTokens({ world, now }), settings: config, now }),
    cookies: browserCookies(world, now),
    settings: config,
    now,
    secret: randomSecret,
  })
}
