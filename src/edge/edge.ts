import { type EdgeParts, closeContext, edgeContext } from "./edge-context.ts"
import { endStream, isStream } from "./exchange-timers.ts"
import { certificateSource } from "../projections/tls-certificates.ts"
import { edgeHandlers } from "./edge-handlers.ts"
import { listen } from "./listen.ts"
import { startTicks } from "./edge-ticks.ts"
import { tlsCertificates } from "./tls.ts"

/** A running edge. */
export interface Edge {
  readonly httpPort: number
  readonly httpsPort: number
  /** For /health. */
  readonly status: () => { certificates_loaded: number; connections: number; access_records_dropped: number }
  /** Settles when every certificate known now was tried once. */
  certificatesLoaded(): Promise<void>
  /** Stops taking connections, lets open requests end, and cuts the rest after `graceMs`. */
  close(graceMs: number): Promise<void>
}

/**
 * Starts the public listeners: TLS, dispatch, guard, forward.
 * @throws PortError when a port cannot be bound
 */
export async function startEdge(parts: EdgeParts): Promise<Edge> {
  const { config, projections, log } = parts
  const context = edgeContext(parts)
  const { hosts, oauthHost, adminHosts, upstreams, now } = context
  const tls = await tlsCertificates({
    ...parts,
    certificates: certificateSource(projections),
    hosts,
    ownNames: new Set([oauthHost, ...adminHosts]),
    commonName: config.SELF_SIGNED_CN,
    days: config.SELF_SIGNED_DAYS,
  })
  const listeners = await listen(config, tls.options, edgeHandlers(context), log, now)
  tls.serve(listeners.secureServer)
  const stopTicks = startTicks(context, { projections, listeners, tls })

  return {
    httpPort: listeners.httpPort,
    httpsPort: listeners.httpsPort,
    status: () => ({
      certificates_loaded: tls.loaded,
      connections: listeners.clients.size,
      access_records_dropped: context.access.dropped,
    }),
    certificatesLoaded: () => tls.idle(),
    async close(graceMs) {
      context.draining = true
      listeners.stop()
      const cut = setTimeout(() => {
        for (const exchange of upstreams.busy()) if (isStream(exchange)) endStream(exchange, "shutting_down")
        setImmediate(() => listeners.cut())
      }, graceMs)
      await listeners.closed()
      clearTimeout(cut)
      stopTicks()
      tls.close()
      await closeContext(context)
    },
  }
}
