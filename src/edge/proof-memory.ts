/** What a proof is to the memory. */
export type Memory = "new" | "replayed" | "full"

/**
 * Remembers proofs for as long as one can be good, in two spans of time. None can be thrown out early, so there is an end to them, and
 * nobody may come to it alone: an account may add to a span while it holds less of it than is free. One account gets a half at most, n of
 * them n/(n+1) together, and whoever comes next finds as much free as each of them has.
 * @param spanMs how long a proof can be good
 * @param most proofs of one span
 * @param now milliseconds since the epoch
 * @returns asks for a proof of an account, and remembers it when it is new
 */
export function proofMemory(spanMs: number, most: number, now: () => number): (account: string, id: string) => Memory {
  let young = new Set<string>()
  let old = new Set<string>()
  let held = new Map<string, number>()
  let since = now()

  return (account, id) => {
    if (now() - since >= spanMs) {
      old = now() - since >= 2 * spanMs ? new Set() : young
      young = new Set()
      held = new Map()
      since = now()
    }
    if (young.has(id) || old.has(id)) return "replayed"
    const own = held.get(account) ?? 0
    if (own >= most - young.size) return "full"
    young.add(id)
    held.set(account, own + 1)
    return "new"
  }
}
