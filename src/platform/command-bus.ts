import type { ActorRecord, CommandRecord, EventStore, Outcome, SealedSecrets } from "./event-store.ts"
import { createHash, randomUUID } from "node:crypto"
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
  readonly correlationId?: string
  readonly causation?: number
  /** Caller's Idempotency-Key, or a worker's own stable key. */
  readonly idempotencyKey?: string
  /** What the fingerprint covers instead of `data`, for requests whose data holds generated values. */
  readonly asked?: unknown
  readonly ifMatch?: number
  /** Sealed vault entries that come with the command. */
  readonly secrets?: SealedSecrets
}

/** Answers when the outcome is known and this node has folded it; `queued` when that takes longer. */
export type Executed =
  | { readonly status: "accepted"; readonly commandId: string; readonly position: number; readonly result: unknown; readonly repeated: boolean }
  | { readonly status: "queued"; readonly commandId: string }

/** Submits commands and waits for what becomes of them. */
export interface CommandBus {
  /**
   * @returns accepted, or queued when undecided after `waitMs` (default 2000)
   * @throws GatehouseError with the refusal's code; `idempotency_mismatch`; `store_unavailable`
   */
  execute(request: CommandRequest, waitMs?: number): Promise<Executed>
}

/** Resolves when the outcome of a command is seen by this node and its projections hold the outcome's position. */
export type AwaitOutcome = (commandId: string, waitMs: number) => Promise<Outcome | undefined>

/** Command bus over a store. */
export function commandBus(store: EventStore, awaitOutcome: AwaitOutcome, now: () => Date): CommandBus {
  return {
    async execute(request, waitMs = 2000) {
      const command = record(request, now())
      const seen = awaitOutcome(command.id, waitMs)
      const submitted = await store.submit(command, request.secrets ?? {})
      const known = submitted.status === "known"
      if (known && submitted.outcome.fingerprint !== command.fingerprint) throw new GatehouseError("idempotency_mismatch")
      const decided = known && submitted.outcome.status !== "queued" ? submitted.outcome : await seen
      if (decided === undefined) return { status: "queued", commandId: command.id }
      return settle(decided, known)
    },
  }
}

function settle(outcome: Outcome, repeated: boolean): Executed {
  if (outcome.status === "accepted")
    return { status: "accepted", commandId: outcome.command_id, position: outcome.position ?? 0, result: outcome.result, repeated }
  if (outcome.status === "queued") return { status: "queued", commandId: outcome.command_id }
  throw refusal(outcome)
}

/** The refusal that an outcome stands for, as the error a caller sees. */
export function refusal(outcome: Outcome): GatehouseError {
  if (outcome.status === "dead") return new GatehouseError("internal", `command ${outcome.command_id} could not be decided`)
  return new GatehouseError((outcome.code ?? "internal") as GatehouseError["code"], outcome.detail, outcome.extras ?? {})
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
    fingerprint: createHash("sha256").update(asked).digest("hex"),
    secrets: Object.keys(request.secrets ?? {}),
    ...(request.ip !== undefined && { ip: request.ip }),
    ...(request.requestId !== undefined && { request_id: request.requestId }),
    ...(request.causation !== undefined && { causation: request.causation }),
    ...(request.ifMatch !== undefined && { if_match: request.ifMatch }),
  }
}
