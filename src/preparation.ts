import { type NodeCore, until } from "./node-core.ts"
import { GatehouseError } from "./errors.ts"
import { provideOAuthHost } from "./effects/oauth-host.ts"
import { reason } from "./platform/log.ts"
import { report } from "./effects/effect-context.ts"
import { sha256 } from "./platform/ids.ts"
import { setTimeout as sleep } from "node:timers/promises"

/** What every installation needs in its log: the administrator's token, a signing key, the OAuth host. */
export interface Preparation {
  /** Are token and key there? */
  readonly done: () => boolean
  /** Asks for it until the store takes it. */
  run(signal: AbortSignal): Promise<void>
}

/** @param ensureSigningKey asks for a signing key where there is none */
export function preparation(core: NodeCore, ensureSigningKey: () => Promise<void>): Preparation {
  const { config, log, projections } = core
  const { ADMIN_TOKEN, ADMIN_EMAIL } = config
  let prepared = false

  async function recordAdminToken(): Promise<void> {
    if (ADMIN_TOKEN === undefined) return
    const preview = `${ADMIN_TOKEN.slice(0, 4)}…`
    await report(core, "RecordAdminToken", { hash: sha256(ADMIN_TOKEN), preview, cert_email: ADMIN_EMAIL ?? null })
  }

  async function persistently(what: string, signal: AbortSignal, attempt: () => Promise<void>): Promise<void> {
    while (!signal.aborted) {
      try {
        return await attempt()
      } catch (error) {
        if (!(error instanceof GatehouseError)) throw error
        log.warning("not_prepared", { what, error: reason(error) })
        // A refusal stays one: the node goes on without, and the administrator reads why.
        if (error.status < 500) return
        await sleep(1000, undefined, { signal }).catch(() => undefined)
      }
    }
  }

  return {
    done: () => prepared,
    async run(signal) {
      if (ADMIN_TOKEN === undefined)
        log.warning("no_admin_token", { reason: "ADMIN_TOKEN is not set; only a stored ADMIN may administer" })
      await until(() => projections.ready, signal)
      await persistently("admin_token", signal, recordAdminToken)
      await persistently("signing_key", signal, ensureSigningKey)
      prepared = true
      await persistently("oauth_host", signal, () => provideOAuthHost(core))
    },
  }
}
