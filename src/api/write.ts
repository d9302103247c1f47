import type { Answer, Call } from "./endpoint.ts"
import type { ActorRecord } from "../platform/event-store.ts"
import type { CommandRequest } from "../platform/command-bus.ts"
import type { Kind } from "../events/event.ts"

/** A caller as commands know them. */
export function actorOf({ name, admin, token }: Call["caller"]): ActorRecord {
  return { name, admin, token }
}

/** Milliseconds that a write, or a read at a position, waits for this node. */
export const patience = 2000

/** A command as an endpoint makes it. */
export type Write = Pick<CommandRequest, "type" | "data" | "asked" | "secrets" | "append">

/** An accepted command that this node has folded. */
export interface Done<R> {
  readonly result: R
  readonly position: number
  /** The same Idempotency-Key was answered before: the command was not decided again. */
  readonly repeated: boolean
}

/**
 * Submits a command for the caller and answers once this node has folded what came of it, or with 202 and the command's address
 * when that takes too long.
 * @throws GatehouseError the command's refusal
 */
export async function write<R>(
  call: Call,
  command: Write,
  answer: (done: Done<R>) => Answer | Promise<Answer>,
): Promise<Answer> {
  const { api, caller } = call
  const executed = await api.bus.execute(
    {
      ...command,
      actor: actorOf(caller),
      requestId: call.requestId,
      ...(call.ip !== undefined && { ip: call.ip }),
      ...(call.reason !== undefined && { reason: call.reason }),
      // By the token's value: one that is made later under the same name repeats nothing of this one's.
      ...(call.idempotencyKey !== undefined && { idempotencyKey: `${caller.hash}\n${call.idempotencyKey}` }),
      ...(call.ifMatch !== undefined && { ifMatch: call.ifMatch }),
    },
    patience,
  )
  const seen = executed.status === "accepted" && (await api.projections.reached(executed.position, patience))
  if (executed.status === "queued" || !seen) return later(executed.commandId, executed.status)
  const { position, repeated } = executed
  return { ...(await answer({ result: executed.result as R, position, repeated })), position }
}

function later(commandId: string, status: string): Answer {
  return {
    status: 202,
    headers: { location: `/api/v1/commands/${commandId}` },
    body: { command_id: commandId, status },
  }
}

/** Version of an object on this node, for its ETag. */
export function versionOf({ api }: Call, kind: Kind, id: string): number | undefined {
  return api.projections.world.objects[kind].get(id)?.version
}
