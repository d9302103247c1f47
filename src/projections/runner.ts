import { type Digest, digests } from "./digest.ts"
import { type Logger, reason } from "../platform/log.ts"
import { type Rebuilt, rebuildBeside } from "./rebuild.ts"
import { decodeSnapshot, encodeSnapshot, snapshotFile, snapshotName } from "./snapshot.ts"
import type { AwaitOutcome } from "../platform/command-bus.ts"
import { ChainError } from "../platform/event-chain.ts"
import type { CrashPoint } from "../platform/crash-point.ts"
import type { EventStore } from "../platform/event-store.ts"
import { GatehouseError } from "../errors.ts"
import type { Projections } from "./projections.ts"
import type { World } from "../events/world.ts"
import { checkHistory } from "./history-check.ts"
import { isArchiveMissing } from "../platform/archived-log.ts"
import { liveWorld } from "./live-world.ts"
import { setImmediate as nextTurn, setTimeout as sleep } from "node:timers/promises"
import { snapshotKeeper } from "./snapshot-keeper.ts"
import { waiters } from "./waiters.ts"

/** What a runner works with. */
export interface RunnerOptions {
  readonly store: EventStore
  /** Folder for the local snapshot. */
  readonly home: string
  readonly log: Logger
  readonly crash: CrashPoint
  /** The log cannot be folded by this build: the node must stop loudly. */
  readonly onFatal: (error: Error) => void
  /** Events between two snapshots in the store; 1000. */
  readonly snapshotEvery?: number
  /** Milliseconds that one read of the tail blocks; bounds the time that stopping takes. 1000. */
  readonly blockMs?: number
}

/** Keeps this node's projections at the head of the log. */
export interface Runner extends Projections {
  /** Is the tail of the log being read? False while the store is away: what is served then may be old. */
  readonly live: boolean
  readonly position: number
  /** Why nothing may be written from this node: the log is not the one that it has seen. null when all is well. */
  readonly problem: string | null
  /** May this node accept and decide commands? */
  writable(): boolean
  readonly awaitOutcome: AwaitOutcome
  digest(): Digest
  /** Folds the log anew beside this world, compares, and goes on with what the log says. */
  rebuild(signal: AbortSignal): Promise<Rebuilt>
  /** Works until `signal` is aborted, or until `onFatal` was called. */
  run(signal: AbortSignal): Promise<void>
}

/** What may come back by itself. */
const waitsFor: ReadonlySet<string> = new Set(["store_unavailable", "archive_unavailable", "position_archived"])

/** Runner that starts from the local snapshot, where there is one: then it is `ready` before the store was asked. */
export function projectionRunner(options: RunnerOptions): Runner {
  const { store, log, crash, blockMs = 1000 } = options
  const file = snapshotFile(options.home, crash, log)
  const waiting = waiters(() => world.position)
  let ready = false
  let live = false
  let problem: string | null = null
  let outcomes: string | undefined
  let backlog = 0

  const save = () => {
    keeper.folded(backlog)
    backlog = 0
  }
  const moved = (events: number) => {
    waiting.advanced()
    backlog += events
    if (live && events > 0) save()
  }
  const { world, start, fold, replace, listen } = liveWorld({ log, crash, moved })
  const keeper = snapshotKeeper(() => encodeSnapshot(world), file, store, options.snapshotEvery ?? 1000, log)

  const usable = (from: "disk" | "store", text: string | undefined) => {
    const snapshot = text === undefined ? undefined : decodeSnapshot(text)
    if (text !== undefined && snapshot === undefined) log.warning("snapshot_unusable", { from })
    return snapshot
  }
  const begin = (from: "disk" | "store", snapshot: World) => {
    start(snapshot)
    log.info("snapshot_loaded", { from, position: world.position })
  }
  const local = usable("disk", file.load())
  if (local !== undefined) {
    begin("disk", local)
    ready = true
  }
  const beginFromStore = async () => {
    const snapshot = usable("store", await store.snapshot(snapshotName))
    if (snapshot === undefined) return
    try {
      await checkHistory(store, snapshot)
      begin("store", snapshot)
    } catch (error) {
      if (!(error instanceof ChainError)) throw error
      log.warning("snapshot_unusable", { from: "store", error: error.message })
    }
  }
  /** Without the segments of the archive: the log's beginning was removed behind a snapshot, so there is one to go on from. */
  const goOnFromSnapshot = async (missing: GatehouseError) => {
    const snapshot = usable("store", await store.snapshot(snapshotName))
    if (snapshot === undefined || snapshot.position <= world.position) throw missing
    await checkHistory(store, snapshot)
    log.warning("archive_skipped", { position: world.position, to: snapshot.position, reason: missing.message })
    replace(snapshot)
  }
  const catchUp = async (signal: AbortSignal) => {
    if (world.position === 0) await beginFromStore()
    try {
      await checkHistory(store, world)
      await readToEnd(signal)
    } catch (error) {
      if (!isArchiveMissing(error)) throw error
      await goOnFromSnapshot(error)
      await readToEnd(signal)
    }
    if (problem !== null) log.info("history_whole", { position: world.position })
    if (!live) log.info("projections_live", { position: world.position })
    problem = null
    ready = true
    live = true
    save()
  }
  const readToEnd = async (signal: AbortSignal) => {
    outcomes ??= await store.outcomesCursor()
    // The store prepares the next page while this one is folded.
    for (let next = store.read(world.position, 1000); !signal.aborted;) {
      const page = await next
      const last = page.at(-1)
      if (last === undefined) break
      next = store.read(last.position, 1000)
      next.catch(() => undefined)
      fold(page)
    }
  }
  const follow = async (signal: AbortSignal) => {
    while (!signal.aborted) {
      const news = await store.tail(world.position, outcomes!, blockMs)
      fold(news.events)
      outcomes = news.cursor
      news.outcomes.forEach(waiting.decided)
      // Who waited for one of them answers first.
      await nextTurn()
      // A log that was replaced by a shorter one is silent: only its head tells.
      if (news.events.length === 0 && news.outcomes.length === 0) await checkHistory(store, world)
    }
  }
  /** @returns false when the node cannot go on */
  const failed = (error: unknown): boolean => {
    const wasLive = live
    live = false
    if (error instanceof GatehouseError && waitsFor.has(error.code)) {
      if (wasLive) log.warning("projections_not_live", { position: world.position, error: reason(error) })
      return true
    }
    if (error instanceof ChainError) {
      if (problem !== error.message) log.critical("history_split", { position: world.position, problem: error.message })
      problem = error.message
      return true
    }
    log.critical("projections_stopped", { position: world.position, error: reason(error) })
    options.onFatal(error instanceof Error ? error : new Error(String(error)))
    return false
  }

  return {
    world,
    get ready() {
      return ready
    },
    get live() {
      return live
    },
    get position() {
      return world.position
    },
    get problem() {
      return problem
    },
    writable: () => live && problem === null,
    digest: () => digests(world),
    async rebuild(signal) {
      const { rebuilt, ...report } = await rebuildBeside(world, store, signal)
      if (!report.equal) log.error("projection_differed", { position: world.position, kinds: report.differing.join() })
      replace(rebuilt)
      await store.saveSnapshot(snapshotName, encodeSnapshot(world))
      return report
    },
    reached: waiting.reached,
    awaitOutcome: waiting.awaitOutcome,
    listen,
    async run(signal) {
      while (!signal.aborted) {
        try {
          await catchUp(signal)
          await follow(signal)
        } catch (error) {
          if (!failed(error)) break
          await sleep(problem === null ? 200 : 1000, undefined, { signal }).catch(() => undefined)
        }
      }
      live = false
      await keeper.stop(problem === null)
    },
  }
}
