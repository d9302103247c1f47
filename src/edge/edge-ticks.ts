import { expire, recheckStreams } from "./exchange-timers.ts"
import type { EdgeContext } from "./exchange.ts"
import type { Listeners } from "./listen.ts"
import type { Projections } from "../projections/projections.ts"
import type { Tls } from "./tls.ts"
import { reason } from "../platform/log.ts"

const tickMs = 250
const tendMs = 60_000

/** What the ticks look after. */
export interface TickedParts {
  readonly projections: Projections
  readonly listeners: Pick<Listeners, "tick">
  readonly tls: Pick<Tls, "tend">
}

/**
 * Four times a second: what takes too long ends, streams are checked again, the access log is handed on.
 * @returns stops it
 */
export function startTicks(context: EdgeContext, { projections, listeners, tls }: TickedParts): () => void {
  const { config, log, now, upstreams: pools } = context
  let changed = false
  let recheckAt = now() + config.AUTH_STREAM_RECHECK * 1000
  let tendAt = now() + tendMs
  const stopListening = projections.listen(() => (changed = true))
  const ticker = setInterval(() => {
    const at = now()
    for (const exchange of pools.busy()) expire(exchange, at)
    pools.sweep()
    listeners.tick(at)
    if (changed || at >= recheckAt) {
      changed = false
      recheckAt = at + config.AUTH_STREAM_RECHECK * 1000
      recheckStreams(context)
    }
    if (at >= tendAt) {
      tendAt = at + tendMs
      tls.tend().catch((error: unknown) => log.error("default_certificate_failed", { reason: reason(error) }))
    }
    void context.access.flush()
  }, tickMs)
  ticker.unref()

  return () => {
    clearInterval(ticker)
    stopListening()
  }
}
