import { type NodeOptions, nodeCore } from "./node-core.ts"
import { addressRanges } from "./edge/client-address.ts"
import { administration } from "./administration.ts"
import { docker } from "./effects/docker.ts"
import { nodeDuties } from "./node-duties.ts"
import { nodeListeners } from "./node-listeners.ts"
import { oauthApp } from "./oauth/app.ts"
import { preparation } from "./preparation.ts"
import { requestAccounts } from "./request-accounts.ts"
import { startEffects } from "./effects/effects.ts"
import { ttlStore } from "./platform/ttl-store.ts"

/** A running node. */
export interface Node {
  /** Drains, gives leases back, and resolves when nothing runs any more. */
  stop(): Promise<void>
}

/** Composition root, with the files beside it: constructs every part of a node, wires them, and starts them in this order. */
export function startNode(options: NodeOptions): Node {
  const stopping = new AbortController()
  const { signal } = stopping
  const core = nodeCore(options)
  const { config, redis, now: clock } = core
  const ttl = ttlStore(redis)
  const accounts = requestAccounts(core)
  const engine = docker(config)
  const oauth = oauthApp({ ...core, ...accounts, clock, ttl, trusts: addressRanges(config.TRUSTED_PROXIES).has })
  const listeners = nodeListeners(core, accounts, ttl)
  const prepared = preparation(core, () => oauth.ensureSigningKey())
  const admin = administration(core, { accounts, docker: engine, edge: listeners.edge, prepared: prepared.done })

  const running = [
    ...nodeDuties(core, ttl, signal),
    listeners.serve({ admin: admin.app, oauth }, signal),
    prepared.run(signal),
  ]
  for (const part of running) part.catch(options.fatal)
  const effects = startEffects({ ...core, docker: engine, webhooks: admin.webhooks })

  return {
    async stop() {
      admin.subscriptions.close()
      await listeners.close()
      await effects.stop()
      stopping.abort()
      await Promise.allSettled(running)
      await accounts.close()
      await core.close()
    },
  }
}
