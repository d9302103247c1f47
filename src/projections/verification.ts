import type { CheckpointCheck } from "./checkpoint-check.ts"
import type { AuditTrail } from "../platform/audit-trail.ts"
import type { EventRecord, EventStore, Head } from "../platform/event-store.ts"
import { ChainError, genesisHash, verifyNext } from "../platform/event-chain.ts"
import { isArchiveMissing } from "../platform/archived-log.ts"
import type { StoredEvent } from "../events/envelope.ts"
import { commandLedger } from "./command-ledger.ts"
import type { LogProblem } from "./log-problem.ts"

/** What was found. */
export interface Verification {
  /** End of the part that is whole. */
  readonly verified: Head
  readonly events: number
  readonly commands: number
  /** Commands from before decisions were kept, of which only the absence of events is known. */
  readonly untraced: number
  /** Signed checkpoints that the log agrees with, and the position of the newest; 0 without any. */
  readonly checkpoints: number
  readonly signed: number
  readonly problem: LogProblem | null
}

/** What a log is verified with. */
export interface VerificationParts {
  readonly store: Pick<EventStore, "read" | "head" | "outcome">
  readonly trail: AuditTrail
  readonly signal?: AbortSignal
  /** What was signed about the log. */
  readonly checkpoints?: CheckpointCheck
}

const pageSize = 1000

/**
 * Reads the whole log once: positions without a gap, the hash chain, for every event its command and for every command its
 * outcome. Ends at the first problem.
 */
export async function verifyLog({ store, trail, signal, checkpoints }: VerificationParts): Promise<Verification> {
  const ledger = commandLedger(trail, (id) => store.outcome(id))
  const end = await store.head()
  let verified: Head = { position: 0, hash: genesisHash }
  const found = (problem: LogProblem | null): Verification => ({
    verified,
    events: verified.position,
    ...ledger.counts(),
    checkpoints: checkpoints?.count ?? 0,
    signed: checkpoints?.newest ?? 0,
    problem,
  })
  for (;;) {
    if (signal?.aborted === true) return found(null)
    const page = await readPage(store, verified.position)
    if ("problem" in page) return found(page.problem)
    if (page.events.length === 0) break
    for (const event of page.events as StoredEvent[]) {
      const problem = follows(verified, event)
      if (problem !== undefined) return found(problem)
      verified = { position: event.position, hash: event.hash }
      const further = await judged(
        event.position,
        async () => (await checkpoints?.event(event)) ?? (await ledger.caused(event)),
      )
      if (further !== undefined) return found(further)
    }
  }
  if (verified.position < end.position)
    return found({
      position: verified.position + 1,
      code: "gap",
      detail: `the log ends at position ${verified.position}, but its head says ${end.position}`,
    })
  const before = await store.head()
  if (before.position === verified.position && before.hash !== verified.hash)
    return found({ position: verified.position, code: "head", detail: "the head has another hash than the last event" })
  const last = checkpoints?.end(verified.position) ?? (await judged(verified.position, ledger.rest))
  return found(last ?? null)
}

/** A check that may need the archive. */
async function judged(position: number, check: () => Promise<LogProblem | undefined>): Promise<LogProblem | undefined> {
  try {
    return await check()
  } catch (error) {
    if (!isArchiveMissing(error)) throw error
    return { position, code: "archive", detail: error.message }
  }
}

async function readPage(
  store: Pick<EventStore, "read">,
  after: number,
): Promise<{ readonly events: readonly EventRecord[] } | { readonly problem: LogProblem }> {
  try {
    return { events: await store.read(after, pageSize) }
  } catch (error) {
    if (isArchiveMissing(error)) return { problem: { position: after + 1, code: "archive", detail: error.message } }
    if (!(error instanceof ChainError)) throw error
    // What stands before the bad entry is looked at first: it may be worse.
    const sound = error.position - after - 1
    if (sound > 0) return { events: await store.read(after, sound) }
    return { problem: { position: after + 1, code: "no_event", detail: error.message } }
  }
}

function follows(verified: Head, event: EventRecord): LogProblem | undefined {
  const expected = verified.position + 1
  try {
    verifyNext(verified, event)
    return undefined
  } catch (error) {
    if (!(error instanceof ChainError)) throw error
    // A removed entry is missing where it stood, not where the next one stands.
    return event.position === expected
      ? { position: expected, code: "chain", detail: error.message }
      : { position: expected, code: "gap", detail: error.message }
  }
}
