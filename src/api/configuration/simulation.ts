import type { Actor } from "../../events/envelope.ts"
import type { EventRecord } from "../../platform/event-store.ts"
import type { Intent } from "./intent.ts"
import type { Policy } from "../../commands/decision.ts"
import { type World, fork } from "../../events/world.ts"
import { deciderModel } from "../../commands/decider.ts"
import { schemaVersion } from "../../events/event.ts"

/** What would be: commands are decided and folded as in the log, and nobody hears of it. */
export interface Simulation {
  readonly world: World
  /** @returns how many events the command would come to @throws GatehouseError its refusal */
  run(intent: Intent): number
}

/** A simulation that starts from a world, which stays as it is. */
export function simulation(from: World, policy: Policy, actor: Actor, now: string): Simulation {
  const world = fork(from)
  const model = deciderModel(world, policy)
  return {
    world,
    run({ type, data, secrets = {} }) {
      const id = "plan"
      const about = { id, type, data, actor, correlation_id: id, submitted_at: now, fingerprint: "" }
      const { events } = model.decide({ ...about, secrets: Object.keys(secrets) }, now)
      const meta = { actor, command_id: id, command: type, correlation_id: id, at: now }
      const records = events.map((event, index): EventRecord => {
        const position = world.position + index + 1
        return { ...event, position, schema: schemaVersion, meta, hash: world.hash }
      })
      model.fold(records)
      return events.length
    },
  }
}
