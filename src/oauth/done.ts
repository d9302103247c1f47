import type { Executed } from "../platform/command-bus.ts"
import { GatehouseError } from "../errors.ts"

/**
 * The outcome of a command whose effect the answer promises.
 * @throws GatehouseError `store_unavailable` when it is still undecided
 */
export function done(executed: Executed): Executed & { status: "accepted" } {
  if (executed.status === "accepted") return executed
  throw new GatehouseError("store_unavailable", "the command waits to be decided", { retryAfter: 2 })
}
