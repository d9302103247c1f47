import { setTimeout as sleep } from "node:timers/promises"
import type { Commit, CommandRecord, Delivery, EventStore } from "./event-store.ts"
import { type Logger, reason } from "./log.ts"
import { type Model, deadCommit, decidedCommit } from "./decision-commit.ts"
import type { CrashPoint } from "./crash-point.ts"
import { GatehouseError } from "../errors.ts"
import { verifyChain } from "./event-chain.ts"

/** What the loop works with. */
export interface DeciderOptions {
  readonly store: EventStore
  /** A new model, at any position that the log has passed; the loop brings it to the head, and nobody else folds it. */
  readonly model: () => Model
  readonly now: () => Date
  readonly crash: CrashPoint
  readonly log: Logger
  /** Milliseconds that one read of the commands blocks; bounds the time that stopping takes. 1000. */
  readonly blockMs?: number
}

/** The head is not where this decider is, and stays so: the log was rolled back or replaced. */
class LostLogError extends Error {
  override name = "LostLogError"
}

/** A command that cannot be decided. */
class CommandFault extends Error {}

/** Deliveries after which a command that is not decided goes to the dead letters. */
const mostDeliveries = 3
const mostConflicts = 3
/** Milliseconds between attempts while the store does not answer. */
const storePauses = [50, 100, 250, 500, 1000]

interface Leader extends Omit<DeciderOptions, "model"> {
  readonly epoch: number
  model: Model
  readonly signal: AbortSignal
}

/** Decides commands. */
export interface Decider {
  /**
   * What `keepLease` runs: it resolves when `signal` is aborted or another decider leads.
   * @throws LostLogError, ChainError: the log does not follow from what this decider has seen
   */
  lead(epoch: number, signal: AbortSignal): Promise<void>
  /**
   * Appends and decides a command without vault entries in one step, when this process leads and nothing waits to be decided: one
   * round trip and one fsync instead of two each (decision 0032).
   * @returns false when it has to be submitted
   * @throws GatehouseError `store_unavailable`: whether it was decided is not known
   */
  decideAtOnce(command: CommandRecord): Promise<boolean>
}

/** Decider that decides for as long as a lease is held. */
export function deciderLoop(options: DeciderOptions): Decider {
  const { store, log, blockMs = 1000 } = options
  /** Deliveries that failed because the store was away: no fault of the command. */
  const excused = new Map<string, number>()
  /** The leader while it waits for commands: nobody else works on its model then. */
  let idle: Leader | undefined
  let atOnce: Promise<boolean> | undefined

  const take = async (leader: Leader) => {
    idle = leader
    try {
      return await store.take(64, blockMs)
    } finally {
      idle = undefined
      await Promise.allSettled([atOnce])
    }
  }
  const lead = async (epoch: number, signal: AbortSignal) => {
    options.crash("decide.afterLease")
    const leader: Leader = { ...options, epoch, model: options.model(), signal }
    await whenStoreAnswers(leader, () => catchUp(leader))
    await whenStoreAnswers(leader, () => checkHead(leader))
    while (!signal.aborted) {
      const batch = (await whenStoreAnswers(leader, () => take(leader))) ?? []
      const left = batch.length > 1 ? await commitTogether(leader, batch) : batch
      if (batch.length > 1 && left.length > 0) {
        leader.model = options.model()
        await whenStoreAnswers(leader, () => catchUp(leader))
      }
      for (const delivery of left) {
        if (signal.aborted) return
        const attempts = delivery.attempts - (excused.get(delivery.entry) ?? 0)
        const excuse = () => excused.set(delivery.entry, delivery.attempts)
        const decide = async () => {
          if (delivery.attempts > 1) await store.begin(delivery.entry, delivery.attempts)
          return handle(leader, { ...delivery, attempts })
        }
        const done = await whenStoreAnswers(leader, decide, excuse)
        if (done === "fenced") return log.warning("decider_fenced", { epoch })
        if (done !== undefined) excused.delete(delivery.entry)
      }
    }
  }
  return {
    lead,
    async decideAtOnce(command) {
      if (idle === undefined || idle.signal.aborted || atOnce !== undefined || command.secrets.length > 0) return false
      atOnce = commitAtOnce(idle, command)
      try {
        return await atOnce
      } finally {
        atOnce = undefined
      }
    },
  }
}

/** Repeats `call` while the store does not answer; undefined when the signal came first. */
async function whenStoreAnswers<T>(
  leader: Leader,
  call: () => Promise<T>,
  failed: () => void = () => {},
): Promise<T | undefined> {
  const { signal, log } = leader
  for (let attempt = 0; !signal.aborted; attempt++) {
    try {
      // What was asked before may have happened without an answer.
      if (attempt > 0) await catchUp(leader)
      return await call()
    } catch (error) {
      if (!(error instanceof GatehouseError && error.code === "store_unavailable")) throw error
      failed()
      if (attempt === 0) log.warning("decider_waits_for_store", { error: reason(error) })
      await sleep(storePauses[Math.min(attempt, storePauses.length - 1)], undefined, { signal }).catch(() => undefined)
    }
  }
  return undefined
}

/** Folds what the log holds beyond the model. @throws ChainError when it does not follow from the model's own past */
async function catchUp({ store, model }: Leader): Promise<void> {
  for (;;) {
    const events = await store.read(model.position, 1000)
    if (events.length === 0) return
    verifyChain(model, events)
    model.fold(events)
  }
}

/** Before any command is taken: a delivery that cannot end in a commit would count against the command. @throws LostLogError */
async function checkHead({ store, model }: Leader): Promise<void> {
  const { position, hash } = await store.head()
  if (position < model.position || (position === model.position && hash !== model.hash)) throw lostLog(model)
}

function lostLog({ position }: Model): LostLogError {
  return new LostLogError(`the log does not follow from position ${position}, which this decider has seen`)
}

/**
 * Sends the commits of a batch without waiting for each other. Every one is chained to the one before, so that when one is not
 * taken, none after it is.
 * @returns what is left to decide one by one, against a new model: this one may be ahead of the log
 */
async function commitTogether(leader: Leader, batch: readonly Delivery[]): Promise<readonly Delivery[]> {
  const { store, model, crash } = leader
  const taken: Promise<boolean>[] = []
  for (const { command, entry, attempts } of batch) {
    if (attempts > 1) break
    try {
      const made = decided(leader, command, entry)
      crash("commit.before")
      // Whatever went wrong comes up again, and is dealt with, when the command is decided by itself.
      taken.push(
        store.commit(made).then(
          ({ status }) => status === "committed",
          () => false,
        ),
      )
      model.fold(made.events)
    } catch (error) {
      if (!(error instanceof CommandFault)) throw error
      break
    }
  }
  const results = await Promise.all(taken)
  crash("commit.after")
  const failed = results.indexOf(false)
  return batch.slice(failed === -1 ? results.length : failed)
}

/** Decides one delivery. One that stays undecided is taken again. */
async function handle(leader: Leader, delivery: Delivery): Promise<"decided" | "fenced" | "undecided"> {
  const { command, entry, attempts } = delivery
  if (attempts > mostDeliveries) return bury(leader, delivery, "it was delivered three times and never decided")
  try {
    return await commit(leader, () => decided(leader, command, entry))
  } catch (error) {
    if (!(error instanceof CommandFault)) throw error
    leader.log.error("command_failed", { entry, type: command?.type, attempts, error: error.message })
    return attempts < mostDeliveries ? "undecided" : bury(leader, delivery, error.message)
  }
}

/** @returns whether it was committed; a command that cannot be decided is left to those that count its deliveries */
async function commitAtOnce(leader: Leader, command: CommandRecord): Promise<boolean> {
  const { store, model, crash } = leader
  // As it will be read from the stream.
  const asStored = JSON.parse(JSON.stringify(command)) as CommandRecord
  let made: Commit
  try {
    made = decided(leader, asStored)
  } catch (error) {
    if (error instanceof CommandFault) return false
    throw error
  }
  crash("commit.before")
  const { status } = await store.commit({ ...made, command: asStored })
  crash("commit.after")
  if (status === "committed") model.fold(made.events)
  return status === "committed"
}

function decided({ model, epoch, now }: Leader, command: CommandRecord | null, entry?: string): Commit {
  if (command === null) throw new CommandFault("the entry holds no command")
  try {
    return decidedCommit(model, command, entry, epoch, now().toISOString())
  } catch (error) {
    throw new CommandFault(reason(error))
  }
}

function bury(leader: Leader, delivery: Delivery, error: string): Promise<"decided" | "fenced"> {
  leader.log.error("command_dead", { entry: delivery.entry, type: delivery.command?.type, error })
  const letter = { ...delivery, attempts: Math.min(delivery.attempts, mostDeliveries) }
  return commit(leader, () => deadCommit(leader.model, letter, error, leader.epoch, leader.now().toISOString()))
}

/** Commits what `make` decides against the model, deciding again when the log has moved on. */
async function commit(leader: Leader, make: () => Commit): Promise<"decided" | "fenced"> {
  const { store, model, crash } = leader
  for (let attempt = 0; attempt < mostConflicts; attempt++) {
    const made = make()
    crash("commit.before")
    const result = await store.commit(made)
    crash("commit.after")
    if (result.status === "fenced") return "fenced"
    if (result.status === "committed") {
      model.fold(made.events)
      return "decided"
    }
    await catchUp(leader)
    if (result.status === "duplicate" || result.status === "past") return "decided"
  }
  throw lostLog(model)
}
