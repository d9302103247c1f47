import type { ActorRecord, CommandRecord, EventStore, Outcome, SealedSecrets, Submitted } from "./event-store.ts"
import { hash, randomUUID } from "node:crypto"
import { setTimeout as sleep } from "node:timers/promises"
import type { CrashPoint } from "./crash-point.ts"
import type { Decider } from "./decider-loop.ts"
import { canonicalJson } from "./canonical-json.ts"
import { GatehouseError } from "../errors.ts"
import { uuidv5 } from "./ids.ts"

/** What a caller asks for. */
export interface CommandRequest {
  readonly type: string
  readonly data: unknown
  readonly actor: ActorRecord
  readonly ip?: string
  readonly requestId?: string
  /** Why, in the caller's words. */
  readonly reason?: string
  readonly correlationId?: string
  readonly causation?: number
  /** Caller's Idempotency-Key, or a worker's own stable key. */
  readonly idempotencyKey?: string
  /** What the fingerprint covers instead of `data`, for requests whose data holds generated values. */
  readonly asked?: unknown
  readonly ifMatch?: number
  /** Sealed vault entries that come with the command. */
  readonly secrets?: SealedSecrets
  /** Appends the command together with what else has to happen in that step; once per command id, as the store does. */
  readonly append?: (command: CommandRecord) => Promise<Submitted>
}

/** Answers when the outcome is known and this node has folded it; `queued` when that takes longer. */
export type Executed =
  | {
      readonly status: "accepted"
      readonly commandId: string
      readonly position: number
      readonly result: unknown
      readonly repeated: boolean
    }
  | { readonly status: "queued"; readonly commandId: string }

/** Submits commands and waits for what becomes of them. */
export interface CommandBus {
  /**
   * @returns accepted, or queued when undecided after `waitMs` (default 2000)
   * @throws GatehouseError with the refusal's code; `idempotency_mismatch`; `store_unavailable`
   */
  execute(request: CommandRequest, waitMs?: number): Promise<Executed>
}

/**
 * Resolves when the outcome of a command is seen by this node and its projections hold the outcome's position; undefined when
 * `waitMs` passed first. With `known`, the outcome, only the position is waited for.
 */
export type AwaitOutcome = (commandId: string, waitMs: number, known?: Outcome) => Promise<Outcome | undefined>

/** What a bus may be given besides. */
export interface BusOptions {
  readonly crash?: CrashPoint
  /** Called before each command. @throws GatehouseError when this node takes no writes now */
  readonly mayWrite?: () => void
  /** The decider's own way in; false when the command has to be submitted. */
  readonly decideAtOnce?: Decider["decideAtOnce"]
}

/** A refusal for want of the store comes within two seconds. */
const submitDeadline = 1900
const submitAttempts = 3

/** Command bus over a store. */
export function commandBus(
  store: EventStore,
  awaitOutcome: AwaitOutcome,
  now: () => Date,
  { crash = () => {}, mayWrite = () => {}, decideAtOnce = async () => false }: BusOptions = {},
): CommandBus {
  return {
    async execute(request, waitMs = 2000) {
      mayWrite()
      const command = record(request, now())
      const seen = awaitOutcome(command.id, waitMs)
      crash("command.beforeAppend")
      const appendOne = async (one: CommandRecord): Promise<Submitted> =>
        (await decideAtOnce(one)) ? { status: "queued" } : store.submit(one, request.secrets ?? {})
      const append = request.append ?? appendOne
      const submitting = submit(() => append(command), command.id)
      const own = request.idempotencyKey === undefined
      if (own) {
        // Nobody else has this id: once its outcome is seen, the reply to the append has nothing more to say.
        const decided = await Promise.race([seen, submitting.then(() => undefined)])
        if (decided !== undefined) {
          crash("command.afterAppend")
          return settle(decided, false)
        }
      }
      const submitted = await submitting
      crash("command.afterAppend")
      const known = submitted.status === "known" ? submitted.outcome : undefined
      if (known !== undefined && known.fingerprint !== command.fingerprint)
        throw new GatehouseError("idempotency_mismatch")
      // When an id of our own is known, an earlier try of ours had arrived.
      const repeated = known !== undefined && !own
      if (known !== undefined && known.status !== "queued") {
        await awaitOutcome(command.id, waitMs, known)
        return settle(known, repeated)
      }
      const outcome = (await seen) ?? (await found(store, command.id))
      if (outcome === undefined) return { status: "queued", commandId: command.id }
      return settle(outcome, repeated)
    },
  }
}

/**
 * Submits, again after a cut: the store takes a command id once, so that it does no harm when the first try had arrived.
 * @throws GatehouseError `store_unavailable` within two seconds
 */
async function submit(append: () => Promise<Submitted>, commandId: string): Promise<Submitted> {
  let timer: NodeJS.Timeout | undefined
  let late = false
  const deadline = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      late = true
      reject(unknownOutcome(commandId))
    }, submitDeadline)
  })
  try {
    for (let attempt = 1; ; attempt++) {
      try {
        return await Promise.race([append(), deadline])
      } catch (error) {
        if (!(error instanceof GatehouseError && error.code === "store_unavailable")) throw error
        if (attempt === submitAttempts || late) throw unknownOutcome(commandId)
        await Promise.race([sleep(100), deadline])
      }
    }
  } finally {
    clearTimeout(timer)
  }
}

function unknownOutcome(commandId: string): GatehouseError {
  const detail = `the store cannot be used now; whether it has taken command ${commandId} can be asked for, and the request can be repeated with the same Idempotency-Key`
  return new GatehouseError("store_unavailable", detail, { retryAfter: 2 })
}

/** Outcome of a command whose decision this node has not seen; undefined when it is undecided or the store does not say. */
async function found(store: EventStore, commandId: string): Promise<Outcome | undefined> {
  try {
    return await store.outcome(commandId)
  } catch (error) {
    if (error instanceof GatehouseError && error.code === "store_unavailable") return undefined
    throw error
  }
}

function settle(outcome: Outcome, repeated: boolean): Executed {
  if (outcome.status === "accepted")
    return {
      status: "accepted",
      commandId: outcome.command_id,
      position: outcome.position ?? 0,
      result: outcome.result,
      repeated,
    }
  if (outcome.status === "queued") return { status: "queued", commandId: outcome.command_id }
  throw refusal(outcome)
}

/** The refusal that an outcome stands for, as the error a caller sees. */
function refusal(outcome: Outcome): GatehouseError {
  if (outcome.status === "dead")
    return new GatehouseError("internal", `command ${outcome.command_id} could not be decided`)
  return new GatehouseError(
    (outcome.code ?? "internal") as GatehouseError["code"],
    outcome.detail,
    outcome.extras ?? {},
  )
}

function record(request: CommandRequest, now: Date): CommandRecord {
  const id =
    request.idempotencyKey === undefined ? randomUUID() : uuidv5(`${request.actor.name}\n${request.idempotencyKey}`)
  const asked = canonicalJson({ type: request.type, asked: request.asked ?? request.data })
  return {
    id,
    type: request.type,
    data: request.data,
    actor: request.actor,
    correlation_id: request.correlationId ?? id,
    submitted_at: now.toISOString(),
    fingerprint: hash("sha256", asked),
    secrets: Object.keys(request.secrets ?? {}),
    ...(request.ip !== undefined && { ip: request.ip }),
    ...(request.requestId !== undefined && { request_id: request.requestId }),
    ...(request.reason !== undefined && { reason: request.reason }),
    ...(request.causation !== undefined && { causation: request.causation }),
    ...(request.ifMatch !== undefined && { if_match: request.ifMatch }),
  }
}
