import type { Api, Call, Endpoint } from "../endpoint.ts"
import type { CommandBus, CommandRequest } from "../../platform/command-bus.ts"
import { type World, fork } from "../../events/world.ts"
import { GatehouseError } from "../../errors.ts"
import type { StoredEvent } from "../../events/envelope.ts"
import { chain } from "../../platform/event-chain.ts"
import { deciderModel } from "../../commands/decider.ts"
import { memoryEventStore } from "../../platform/memory-event-store.ts"
import { schemaVersion } from "../../events/event.ts"

/** What an operation would come to. */
export interface Trial {
  readonly after: World
  readonly events: readonly StoredEvent[]
  /** Why it would be refused; null when it would not. Its events up to there are in `events`. */
  readonly refused: { readonly code: string; readonly detail: string } | null
}

/**
 * Runs an endpoint's own handler against a fork of a world: its commands are decided and folded there, and nothing leaves it.
 * @param call the request as the endpoint would get it
 */
export async function trial(endpoint: Endpoint, call: Call, world: World): Promise<Trial> {
  const after = fork(world)
  const events: StoredEvent[] = []
  const api = simulated(call.api, after, events)
  try {
    await endpoint.handler({ ...call, api } as Call<never, never, never>)
    return { after, events, refused: null }
  } catch (error) {
    if (!(error instanceof GatehouseError)) throw error
    return { after, events, refused: { code: error.code, detail: error.message } }
  }
}

/** The same API over a world of its own. What would reach beyond the log refuses. */
function simulated(api: Api, world: World, events: StoredEvent[]): Api {
  const { config, policy, log, clock, checks, vault } = api
  return {
    config,
    policy,
    log,
    clock,
    checks,
    vault,
    projections: { world, ready: true, listen: () => () => {}, reached: async () => true },
    bus: simulatedBus(api, world, events),
    store: memoryEventStore(() => clock().getTime()),
    oauth: untouchable("sessions and tokens of OAuth"),
    logTools: untouchable("the log itself"),
    subscriptions: untouchable("subscribers"),
    webhooks: untouchable("deliveries of webhooks"),
  }
}

function simulatedBus({ policy, clock }: Api, world: World, events: StoredEvent[]): CommandBus {
  const model = deciderModel(world, policy)
  let count = 0
  return {
    async execute(request: CommandRequest) {
      const now = clock().toISOString()
      const id = `trial-${(count += 1)}`
      const { type, data, actor, ifMatch, secrets = {} } = request
      const command = { id, type, data, actor, correlation_id: id, submitted_at: now, fingerprint: "" }
      const decided = model.decide(
        { ...command, secrets: Object.keys(secrets), ...(ifMatch !== undefined && { if_match: ifMatch }) },
        now,
      )
      let { position, hash } = world
      const records = decided.events.map((event): StoredEvent => {
        const meta = { actor, command_id: id, command: type, correlation_id: id, at: now }
        const record = { ...event, position: (position += 1), schema: schemaVersion, meta }
        hash = chain(hash, record)
        return { ...record, hash }
      })
      model.fold(records)
      events.push(...records)
      return {
        status: "accepted",
        commandId: id,
        position: world.position,
        result: decided.result,
        repeated: false,
      }
    },
  }
}

function untouchable<T extends object>(what: string): T {
  const refuse = () => {
    throw new GatehouseError("invalid_state", `this operation works on ${what}, which cannot be tried out`)
  }
  return new Proxy({} as T, { get: refuse })
}
