import { type Edge, startEdge } from "./edge/edge.ts"
import { type NodeCore, until } from "./node-core.ts"
import { gatewayGuard, sharedProofs } from "./gateway-guard.ts"
import type { AdminApp } from "./api/app.ts"
import type { RequestAccounts } from "./request-accounts.ts"
import type { TtlStore } from "./platform/ttl-store.ts"
import { eventStreamPath } from "./api/event-stream-path.ts"
import { join } from "node:path"
import { listenApi } from "./api/listen.ts"
import { mayDial } from "./webhook-parts.ts"
import type { oauthApp } from "./oauth/app.ts"
import { openKeys } from "./projections/certificate-keys.ts"
import { resourceMetadata } from "./edge/resource-metadata.ts"

/** The listeners of a node: that of the API, and the public ones. */
export interface NodeListeners {
  /** The public ones, once they serve. */
  readonly edge: () => Edge | undefined
  /** Opens the API's at once, and the public ones when this node knows enough to serve. @throws PortError */
  serve(apps: NodeApps, signal: AbortSignal): Promise<void>
  /** Lets open requests end, and cuts the rest after the grace. */
  close(): Promise<void>
}

/** What Gatehouse itself answers with. */
export interface NodeApps {
  readonly admin: AdminApp
  readonly oauth: ReturnType<typeof oauthApp>
}

/** @param ttl where proofs are claimed for all nodes */
export function nodeListeners(core: NodeCore, accounts: RequestAccounts, ttl: TtlStore): NodeListeners {
  const { config, projections, log } = core
  const keys = openKeys({ ...core, dir: join(config.GATEHOUSE_HOME, "keys") })
  const graceMs = config.SHUTDOWN_GRACE * 1000
  let edge: Edge | undefined
  let api: Awaited<ReturnType<typeof listenApi>> | undefined
  return {
    edge: () => edge,
    async serve({ admin, oauth }, signal) {
      api = await listenApi(admin.handler, config.API_PORT, admin.upgrade)
      await until(() => projections.ready, signal)
      if (signal.aborted) return
      edge = await startEdge({
        ...{ config, projections, log, crash: core.crash, clock: core.now },
        guard: gatewayGuard(config, projections),
        metadata: (proxy, method, path) => resourceMetadata(proxy, method, path, config.publicHttpsPort),
        oauth: oauth.handler,
        admin: admin.handler,
        adminUpgrade: admin.upgrade,
        adminSockets: [eventStreamPath],
        hostLogin: oauth.hostLogin,
        renewCookie: oauth.renewCookie,
        claimProof: sharedProofs(config, ttl, log),
        openKey: keys.open,
        allowAddress: mayDial(config),
        accessSink: accounts.sink,
      })
      log.info("serving", { http: edge.httpPort, https: edge.httpsPort, api: api.port })
    },
    async close() {
      await Promise.all([edge?.close(graceMs), api?.close(graceMs)])
    },
  }
}
