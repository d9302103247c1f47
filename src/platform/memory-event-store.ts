import type { Commit, CommitResult, Delivery, EventRecord, EventStore, Head, Outcome } from "./event-store.ts"
import { genesisHash } from "./event-chain.ts"
import { GatehouseError } from "../errors.ts"
import { parseCommand, queued } from "./command-record.ts"
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
  const commands: { entry: string; raw: string; deliveries: number }[] = []
  const undecided = new Map<string, { entry: string; raw: string; deliveries: number }>()
  const outcomes = new Map<string, Outcome>()
  const decided: Outcome[] = []
  const versions = new Map<string, number>(events.map((event) => [name(event), event.position]))
  const secrets = new Map<string, string>()
  const snapshots = new Map<string, string>()
  const leases = new Map<string, { holder: string; epoch: number; until: number }>()
  const epochs = new Map<string, number>()
  const waiting = new Set<() => void>()
  let received = 0
  let closed = false

  const head = (): Head => {
    const last = events.at(-1)
    return last === undefined ? { position: 0, hash: genesisHash } : { position: last.position, hash: last.hash }
  }
  const page = (after: number, limit: number) => {
    const first = (events[0]?.position ?? 1) - 1
    const from = Math.max(after - first, 0)
    return structuredClone(events.slice(from, from + Math.min(limit, pageSize)))
  }
  const wake = () => [...waiting].forEach((resume) => resume())
  const changed = (ms: number) =>
    new Promise<void>((resolve) => {
      const resume = () => {
        clearTimeout(timer)
        waiting.delete(resume)
        resolve()
      }
      const timer = setTimeout(resume, ms)
      waiting.add(resume)
    })
  const open = () => {
    if (closed) throw new GatehouseError("store_unavailable", "the store was closed")
  }
  /** Answers of `poll`, waiting until it finds something or `blockMs` have passed. */
  const waitFor = async <T>(blockMs: number, poll: () => T, found: (value: T) => boolean): Promise<T> => {
    const until = performance.now() + blockMs
    for (;;) {
      open()
      const value = poll()
      const left = until - performance.now()
      if (found(value) || left <= 0) return value
      await changed(left)
    }
  }
  const deliveries = (limit: number): Delivery[] => {
    const old = [...undecided.values()].slice(0, limit)
    const batch = old.length > 0 ? old : commands.splice(0, limit)
    return batch.map((one) => {
      one.deliveries++
      undecided.set(one.entry, one)
      return { entry: one.entry, attempts: one.deliveries, raw: one.raw, command: parseCommand(one.raw) }
    })
  }
  const apply = (commit: Commit): CommitResult => {
    const known = outcomes.get(commit.command_id)
    if (known !== undefined && known.status !== "queued") {
      undecided.delete(commit.entry ?? "")
      return { status: "duplicate", outcome: known }
    }
    const epoch = epochs.get("decider")
    if (epoch !== undefined && epoch !== commit.epoch) return { status: "fenced" }
    const waits = commands.length > 0 || undecided.size > 0
    if (commit.command !== undefined && (known !== undefined || waits)) return { status: "behind" }
    const { position, hash } = head()
    const inOrder = commit.events.every((event, index) => event.position === position + 1 + index)
    const asExpected = commit.expected.every((one) => (versions.get(name(one)) ?? one.version) === one.version)
    if (hash !== commit.previous || !inOrder || !asExpected) return { status: "conflict" }

    for (const event of commit.events) {
      events.push(structuredClone(event))
      versions.set(name(event), event.position)
    }
    epochs.set("decider", commit.epoch)
    commit.gone.forEach((one) => versions.delete(name(one)))
    commit.unlink.forEach((ref) => secrets.delete(ref))
    outcomes.set(commit.command_id, commit.outcome)
    decided.push(commit.outcome)
    undecided.delete(commit.entry ?? "")
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
      commands.push({ entry: `${++received}-0`, raw: JSON.stringify(command), deliveries: 0 })
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
        () => deliveries(limit),
        (found) => found.length > 0,
      ),
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
    async lease(lease, holder, ttlMs) {
      open()
      const current = leases.get(lease)
      const free = current === undefined || current.until <= now()
      if (!free && current.holder !== holder) return { held: false, epoch: current.epoch }
      const epoch = free ? (epochs.get(lease) ?? 0) + 1 : current.epoch
      epochs.set(lease, epoch)
      leases.set(lease, { holder, epoch, until: now() + ttlMs })
      return { held: true, epoch }
    },
    async release(lease, holder) {
      open()
      if (leases.get(lease)?.holder === holder) leases.delete(lease)
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
      closed = true
      wake()
    },
  }
}

function name({ kind, id }: { readonly kind: string; readonly id: string }): string {
  return `${kind}:${id}`
}
