import { type Logger, reason } from "./log.ts"
import type { TtlStore } from "./ttl-store.ts"
import { soon } from "./redis-call.ts"

/** How long a request waits for the word of the store, milliseconds. */
const deadline = 500
/** The store that gave none is not asked again for this long, milliseconds. */
const pause = 2000

/**
 * Memory that all nodes share of proofs that were used (RFC 9449 §11.1). While the store is away nobody waits for it: then each
 * node has its own memory alone.
 * @param keepMs how long a proof can be good
 * @param now monotonic milliseconds
 * @returns asks whether a proof is used for the first time, and remembers it
 */
export function usedProofs(
  { putNew }: Pick<TtlStore, "putNew">,
  keepMs: number,
  log: Logger,
  now: () => number = () => performance.now(),
): (id: string) => Promise<boolean> {
  let awayUntil = 0
  let lost = false

  function away(error: unknown): void {
    awayUntil = now() + pause
    if (!lost) log.warning("used_proofs_not_shared", { error: reason(error) })
    lost = true
  }

  async function ask(id: string): Promise<boolean> {
    try {
      const first = await soon(putNew("proof", id, true, keepMs), deadline)
      if (lost) log.info("used_proofs_shared")
      lost = false
      return first
    } catch (error) {
      away(error)
      return true
    }
  }

  return (id) => (now() < awayUntil ? Promise.resolve(true) : ask(id))
}
