import type { CommandRecord, EventRecord, EventStore, Outcome } from "../../src/platform/event-store.ts"
import { type Logger } from "../../src/platform/log.ts"
import { GatehouseError } from "../../src/errors.ts"
import type { Model } from "../../src/platform/decision-commit.ts"
import { deciderLoop } from "../../src/platform/decider-loop.ts"
import { eventually } from "./records.ts"
import { genesisHash } from "../../src/platform/event-chain.ts"

/** A model that counts, and the ids of the commands it was asked to decide. */
export interface Counter extends Model {
  readonly asked: readonly string[]
}

/** A counter: `Add` counts up, `Refuse` is refused, `Throw` cannot be decided. @param asked shared with its successors */
export function counter(asked: string[] = []): Counter {
  const state = { position: 0, hash: genesisHash, count: 0 }
  return {
    get position() {
      return state.position
    },
    get hash() {
      return state.hash
    },
    asked,
    decide(command: CommandRecord) {
      asked.push(command.id)
      if (command.type === "Refuse") throw new GatehouseError("in_use", "no", { references: ["other"] })
      if (command.type === "Throw") throw new Error("this cannot be decided")
      const count = state.count + 1
      const event = { kind: "counter", id: "one", type: "Added", data: { to: count, gone: undefined } }
      const expected = [{ kind: "counter", id: "one", version: state.position }]
      return { events: [event], result: { count }, expected, gone: [], unlink: [] }
    },
    fold(records: readonly EventRecord[]) {
      for (const { position, hash } of records) Object.assign(state, { position, hash, count: state.count + 1 })
    },
  }
}

/** A decider of counters that leads until it is stopped. */
export function leadCounter(store: EventStore, log: Logger, epoch = 1) {
  const stop = new AbortController()
  const asked: string[] = []
  let model = counter(asked)
  const { lead: run, decideAtOnce } = deciderLoop({
    store,
    model: () => (model = counter(asked)),
    now: () => new Date("2026-01-02T03:04:05Z"),
    crash: () => {},
    log,
    blockMs: 50,
  })
  const ended = run(epoch, stop.signal)
  ended.catch(() => undefined)
  return {
    get model() {
      return model
    },
    ended,
    decideAtOnce,
    stop: async () => {
      stop.abort()
      await ended
    },
  }
}

/** The outcome of a command once it is decided. */
export function outcomeOf(store: EventStore, id: string): Promise<Outcome> {
  return eventually<Outcome | undefined>(async () => {
    const outcome = await store.outcome(id).catch(() => undefined)
    return outcome === undefined || outcome.status === "queued" ? undefined : outcome
  })
}
