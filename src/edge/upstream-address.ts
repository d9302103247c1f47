import { lookup } from "node:dns"
import { isIP } from "node:net"

/** Finds the addresses of upstream hosts, at most every 30 s, and lives with the last good answer for 5 min. */
export interface AddressBook {
  /** Calls back, possibly at once, with at least one address or with the error of the lookup. */
  resolve(hostname: string, done: (error: Error | undefined, addresses: readonly string[]) => void): void
}

interface Entry {
  addresses: readonly string[]
  resolvedAt: number
  triedAt: number
  waiting: ((error: Error | undefined, addresses: readonly string[]) => void)[]
}

const freshMs = 30_000
const usableMs = 300_000
const mostHosts = 10_000

/** Looks a name up; `getaddrinfo` in production. */
export type Lookup = (hostname: string, done: (error: Error | null, addresses: readonly string[]) => void) => void

/** The system's resolver. */
export const systemLookup: Lookup = (hostname, done) =>
  lookup(hostname, { all: true, order: "ipv4first" }, (error, found) =>
    done(error, error === null ? found.map((entry) => entry.address) : []),
  )

/** @param now monotonic milliseconds */
export function addressBook(find: Lookup, now: () => number): AddressBook {
  const entries = new Map<string, Entry>()
  const settle = (entry: Entry, error: Error | null, addresses: readonly string[]) => {
    if (addresses.length > 0) {
      entry.addresses = addresses
      entry.resolvedAt = now()
    }
    const usable = entry.addresses.length > 0 && now() - entry.resolvedAt <= usableMs
    const waiting = entry.waiting
    entry.waiting = []
    for (const done of waiting)
      if (usable) done(undefined, entry.addresses)
      else done(error ?? new Error("the name has no address"), [])
  }
  return {
    resolve(hostname, done) {
      if (isIP(hostname) !== 0) return done(undefined, [hostname])
      let entry = entries.get(hostname)
      if (entry === undefined) {
        if (entries.size >= mostHosts) entries.clear()
        entry = { addresses: [], resolvedAt: -Infinity, triedAt: -Infinity, waiting: [] }
        entries.set(hostname, entry)
      }
      const known = entry
      if (known.addresses.length > 0 && now() - known.triedAt <= freshMs && now() - known.resolvedAt <= usableMs)
        return done(undefined, known.addresses)
      known.waiting.push(done)
      if (known.waiting.length > 1) return
      known.triedAt = now()
      find(hostname, (error, addresses) => settle(known, error, addresses))
    },
  }
}
