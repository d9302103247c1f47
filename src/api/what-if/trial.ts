import type { Answer, Api, Call, Endpoint } from "../endpoint.ts"
import type { CommandBus, CommandRequest } from "../../platform/command-bus.ts"
import { type World, fork } from "../../events/world.ts"
import { GatehouseError } from "../../errors.ts"
import type { StoredEvent } from "../../events/envelope.ts"
import { chain } from "../../platform/event-chain.ts"
import { deciderModel } from "../../commands/decider.ts"
import { memoryEventStore } from "../../platform/memory-event-store.ts"
import { schemaVersion } from "../../events/event.ts"

/** One operation of several in a row. */
export interface Step {
  readonly endpoint: Endpoint
  /**
   * The request as the endpoint would get it.
   * @param world what the steps before have led to
   * @throws GatehouseError as it would be refused before its handler
   */
  readonly request: (world: World) => Call
}

/** What operations would come to. */
export interface Trial {
  readonly after: World
  readonly events: readonly StoredEvent[]
  /** Why one of them would be refused, and which; null when none would. Those after it were not tried. */
  readonly refused: {
    readonly operation: string
    readonly status: number
    readonly code: string
    readonly detail: string
  } | null
  /** Of the last one; undefined when it was refused. */
  readonly answer: Answer | undefined
}

/**
 * Runs the endpoints' own handlers against a fork of a world, each on what the one before has left: their commands are decided and
 * folded there, and nothing leaves it.
 * @throws GatehouseError for the first one's bad input
 */
export async function trial(api: Api, steps: readonly Step[], world: World): Promise<Trial> {
  const after = fork(world)
  const events: StoredEvent[] = []
  const inside = simulated(api, after, events)
  let answer: Answer | undefined
  for (const [index, { endpoint, request }] of steps.entries()) {
    let call: Call | undefined
    try {
      call = request(after)
      answer = await endpoint.handler({ ...call, api: inside } as Call<never, never, never>)
    } catch (error) {
      if (!(error instanceof GatehouseError)) throw error
      // Bad input in place of the first is bad input of the whole.
      if (call === undefined && index === 0) throw error
      const { status, code, message } = error
      return {
        after,
        events,
        refused: { operation: endpoint.operationId, status, code, detail: message },
        answer: undefined,
      }
    }
  }
  return { after, events, refused: null, answer }
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
    store: { ...memoryEventStore(() => clock().getTime()), read: readOver(api.store, world.position, events) },
    oauth: untouchable("sessions and tokens of OAuth"),
    logTools: untouchable("the log itself"),
    access: untouchable("the access log"),
    subscriptions: untouchable("subscribers"),
    webhooks: {
      notes: { read: async () => undefined },
      newSecret: () => api.webhooks.newSecret(),
      test: () => Promise.reject(outside("deliveries of webhooks")),
    },
  }
}

/** The log up to a position, and then what was tried. */
function readOver(store: Api["store"], until: number, events: readonly StoredEvent[]): Api["store"]["read"] {
  return async (after, limit) => {
    const logged = after < until ? await store.read(after, Math.min(limit, until - after)) : []
    return logged.length > 0 ? logged : events.filter(({ position }) => position > after).slice(0, limit)
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
    throw outside(what)
  }
  return new Proxy({} as T, { get: refuse })
}

function outside(what: string): GatehouseError {
  return new GatehouseError("invalid_state", `this operation works on ${what}, which cannot be tried out`)
}
