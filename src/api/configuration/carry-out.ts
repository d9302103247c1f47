import type { Call } from "../endpoint.ts"
import { GatehouseError } from "../../errors.ts"
import type { Intent } from "./intent.ts"
import type { Obstacle, Step } from "./plan.ts"
import { aggregateOf, desiredEntry } from "./desired.ts"
import { equal } from "../../commands/decision.ts"
import { patience, versionOf } from "../write.ts"

/** What came of a plan: the steps that were done, and what ended it. */
export interface CarriedOut {
  readonly done: readonly Step[]
  readonly error: Obstacle | undefined
}

/** Workers change an object while it is planned for, but not what is wanted of it: then it is looked at again. */
const mostTries = 5

/**
 * Gives the commands of a plan one after the other, each only while its object is what it was in the plan. Ends at the first
 * refusal.
 * @throws GatehouseError `concurrent_change`, with what was done before
 */
export async function carryOut(call: Call, steps: readonly Step[], ownHost: string): Promise<CarriedOut> {
  const done: Step[] = []
  for (const step of steps) {
    try {
      for (const { intent, before } of step.commands) await give(call, step, intent, before, ownHost)
    } catch (error) {
      if (!(error instanceof GatehouseError)) throw error
      const { kind, name } = step
      if (error.code === "concurrent_change") {
        const report = { done: done.map((each) => ({ kind: each.kind, name: each.name, action: each.action })) }
        throw new GatehouseError("concurrent_change", `${kind} ${name} was changed since the plan was made`, { report })
      }
      return { done, error: { kind, name, code: error.code, detail: error.message } }
    }
    done.push(step)
  }
  return { done, error: undefined }
}

async function give(
  call: Call,
  { kind, id }: Step,
  { type, data, secrets }: Intent,
  before: unknown,
  ownHost: string,
): Promise<void> {
  const { api, caller, requestId, ip, reason } = call
  for (let tries = 1; ; tries += 1) {
    const now = desiredEntry(api.projections.world, kind, id, ownHost)
    if (!equal(now ?? null, before ?? null)) throw new GatehouseError("concurrent_change")
    const version = versionOf(call, aggregateOf[kind], id)
    try {
      const executed = await api.bus.execute(
        {
          type,
          data,
          actor: { name: caller.name, admin: caller.admin, token: caller.token },
          requestId,
          ...(ip !== undefined && { ip }),
          ...(reason !== undefined && { reason }),
          ...(secrets !== undefined && { secrets }),
          ...(version !== undefined && { ifMatch: version }),
        },
        patience * 5,
      )
      const seen = executed.status === "accepted" && (await api.projections.reached(executed.position, patience * 5))
      if (!seen) throw new GatehouseError("projection_behind", `${type} is not decided yet; apply again later`)
      return
    } catch (error) {
      const raced = error instanceof GatehouseError && error.code === "precondition_failed"
      if (!raced) throw error
      if (tries === mostTries) throw new GatehouseError("concurrent_change")
      // The version is another: this node sees it in a moment, and then what is wanted can be compared again.
      await api.projections.reached((await api.store.head()).position, patience)
    }
  }
}
