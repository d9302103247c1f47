import type { CheckpointKey, SignedStatement } from "../platform/checkpoint-key.ts"
import type { EventStore } from "../platform/event-store.ts"
import type { LogProblem } from "./log-problem.ts"
import type { StoredEvent } from "../events/envelope.ts"

/** Compares a log with what was signed about it. */
export interface CheckpointCheck {
  /** Called with each event in order. */
  event(event: StoredEvent): Promise<LogProblem | undefined>
  /** Called with the last position. */
  end(position: number): LogProblem | undefined
  /** Genuine checkpoints that the log agrees with. */
  readonly count: number
  /** Position of the newest of them; 0 when there is none. */
  readonly newest: number
}

/** @param kept checkpoints that this node has kept apart from the store */
export function checkpointCheck(
  store: Pick<EventStore, "read">,
  key: Pick<CheckpointKey, "genuine">,
  kept: readonly SignedStatement[],
): CheckpointCheck {
  const mine = new Map(kept.filter((one) => key.genuine(one)).map((one) => [one.position, one]))
  const agreed = new Set<number>()
  const rewritten = ({ position, signed_at }: SignedStatement): LogProblem => ({
    position,
    code: "checkpoint_hash",
    detail: `position ${position} is not the one that was signed at ${signed_at}: the log was rewritten up to there`,
  })
  return {
    get count() {
      return agreed.size
    },
    get newest() {
      return Math.max(0, ...agreed)
    },
    async event({ position, hash, type, kind, data }) {
      const known = mine.get(position)
      if (known !== undefined && known.hash !== hash) return rewritten(known)
      if (known !== undefined) agreed.add(position)
      if (kind !== "log" || type !== "CheckpointSigned") return undefined
      const checkpoint = data as SignedStatement
      if (!key.genuine(checkpoint))
        return {
          position,
          code: "checkpoint_signature",
          detail: `position ${position} holds a checkpoint that no trusted key has signed (${checkpoint.public_key})`,
        }
      const [there] = await store.read(checkpoint.position - 1, 1)
      if (there?.hash !== checkpoint.hash) return rewritten(checkpoint)
      agreed.add(checkpoint.position)
      return undefined
    },
    end(position) {
      const beyond = [...mine.values()].find((one) => one.position > position)
      if (beyond === undefined) return undefined
      return {
        position: position + 1,
        code: "checkpoint_hash",
        detail: `the log ends at position ${position}, but position ${beyond.position} was signed at ${beyond.signed_at}`,
      }
    },
  }
}
