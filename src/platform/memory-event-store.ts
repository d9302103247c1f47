import type { Commit, CommitResult, EventRecord, EventStore, Head, Outcome } from "./event-store.ts"
import { memoryLeases } from "./memory-leases.ts"
import { memoryNews } from "./memory-news.ts"
import { memoryQueue } from "./memory-queue.ts"
import { genesisHash } from "./event-chain.ts"
import { GatehouseError } from "../errors.ts"
import { queued } from "./command-record.ts"
import { pageSize } from "./store-limits.ts"

/** What a fork of the log starts with. */
export interface MemorySeed {
  readonly events?: readonly EventRecord[]
}

/**
 * The log in memory, with the meaning of the one in Redis: replay and what-if fold a copy of the log and try commands against
 * it without touching the real one.
 * @param now milliseconds since the epoch, for leases
 */
export function memoryEventStore(now: () => number, seed: MemorySeed = {}): EventStore {
  const events: EventRecord[] = [...(seed.events ?? [])]
  const outcomes = new Map<string, Outcome>()
  const decided: Outcome[] = []
  const versions = new Map<string, number>(events.map((event) => [name(event), event.position]))
  const secrets = new Map<string, string>()
  const snapshots = new Map<string, string>()
  const queue = memoryQueue()
  const leases = memoryLeases(now)
  const { open, wake, waitFor, close } = memoryNews()

  const head = (): Head => {
    const last = events.at(-1)
    return last === undefined ? { position: 0, hash: genesisHash } : { position: last.position, hash: last.hash }
  }
  const page = (after: number, limit: number) => {
    const first = (events[0]?.position ?? 1) - 1
    const from = Math.max(after - first, 0)
    return structuredClone(events.slice(from, from + Math.min(limit, pageSize)))
  }
  const apply = (commit: Commit): CommitResult => {
    const known = outcomes.get(commit.command_id)
    if (known !== undefined && known.status !== "queued") {
      queue.decided(commit.entry)
      return { status: "duplicate", outcome: known }
    }
    const epoch = leases.epoch("decider")
    if (epoch !== undefined && epoch !== commit.epoch) return { status: "fenced" }
    if (commit.command !== undefined && (known !== undefined || !queue.empty)) return { status: "behind" }
    const { position, hash } = head()
    const inOrder = commit.events.every((event, index) => event.position === position + 1 + index)
    const asExpected = commit.expected.every((one) => (versions.get(name(one)) ?? one.version) === one.version)
    if (hash !== commit.previous || !inOrder || !asExpected) return { status: "conflict" }

    for (const event of commit.events) {
      events.push(structuredClone(event))
      versions.set(name(event), event.position)
    }
    leases.setEpoch("decider", commit.epoch)
    commit.gone.forEach((one) => versions.delete(name(one)))
    commit.unlink.forEach((ref) => secrets.delete(ref))
    outcomes.set(commit.command_id, commit.outcome)
    decided.push(commit.outcome)
    queue.decided(commit.entry)
    wake()
    return { status: "committed" }
  }

  return {
    async submit(command, sealed) {
      open()
      const known = outcomes.get(command.id)
      if (known !== undefined) return { status: "known", outcome: known }
      if (Object.keys(sealed).some((ref) => secrets.has(ref)))
        throw new GatehouseError("invalid_state", "a vault entry of that name exists already")
      for (const [ref, value] of Object.entries(sealed)) secrets.set(ref, value)
      outcomes.set(command.id, queued(command))
      queue.add(command)
      wake()
      return { status: "queued" }
    },
    async commit(commit) {
      open()
      return apply(commit)
    },
    async read(after, limit) {
      open()
      return page(after, limit)
    },
    async head() {
      open()
      return head()
    },
    async outcome(id) {
      open()
      return outcomes.get(id)
    },
    async secret(ref) {
      open()
      return secrets.get(ref)
    },
    take: (limit, blockMs) =>
      waitFor(
        blockMs,
        () => queue.deliver(limit),
        (found) => found.length > 0,
      ),
    async begin(...begun) {
      open()
      queue.begin(...begun)
    },
    tail: (after, cursor, blockMs) =>
      waitFor(
        blockMs,
        () => ({
          events: page(after, pageSize),
          outcomes: decided.slice(Number(cursor), Number(cursor) + pageSize),
          cursor: String(Math.min(Number(cursor) + pageSize, decided.length)),
        }),
        (found) => found.events.length > 0 || found.outcomes.length > 0,
      ),
    async outcomesCursor() {
      open()
      return String(decided.length)
    },
    async lease(...lease) {
      open()
      return leases.lease(...lease)
    },
    async release(...lease) {
      open()
      return leases.release(...lease)
    },
    async snapshot(key) {
      open()
      return snapshots.get(key)
    },
    async saveSnapshot(key, value) {
      open()
      snapshots.set(key, value)
    },
    async close() {
      close()
    },
  }
}

function name({ kind, id }: { readonly kind: string; readonly id: string }): string {
  return `${kind}:${id}`
}
