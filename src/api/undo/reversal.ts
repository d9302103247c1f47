import type { Call } from "../endpoint.ts"
import { type EntryKind, entryKinds } from "../configuration/document.ts"
import { type Plan, type Wanted, planFor } from "../configuration/plan.ts"
import { aggregateOf, desiredEntry } from "../configuration/desired.ts"
import { GatehouseError } from "../../errors.ts"
import type { StoredEvent } from "../../events/envelope.ts"
import { fieldChanges } from "../../projections/state-diff.ts"
import { remains } from "./remains.ts"
import { simulation } from "../configuration/simulation.ts"
import { eventsIn } from "../scan.ts"
import { workshopFor } from "../configuration/vault-values.ts"

/** How what one command did can be taken back. */
export interface Reversal {
  /** Events of that command. */
  readonly events: readonly StoredEvent[]
  readonly plan: Plan
  /** What stays as it is, in sentences. */
  readonly cannot: readonly string[]
}

const kindOf = new Map<string, EntryKind>(entryKinds.map((kind) => [aggregateOf[kind], kind]))
/** Events of one command stand together; no command makes more. */
const mostEvents = 5_000

/**
 * Plans what brings the objects of one command back to what they were before it.
 * @throws GatehouseError `not_found`
 */
export async function reversal(call: Call, position: number): Promise<Reversal> {
  const { api } = call
  const events = await commandAt(call, position)
  const first = events[0]!.position
  const before = await api.logTools.past.at({ position: first - 1 }, call.signal)
  const after = await api.logTools.past.at({ position: events.at(-1)!.position }, call.signal)
  const now = api.projections.world
  const ownHost = api.config.oauthAuthority.replace(/:\d+$/, "")
  const objects = new Map(events.map(({ kind, id }) => [`${kind}/${id}`, { kind, id }]))
  const wanted: { [K in EntryKind]?: unknown[] } = {}
  const cannot: string[] = events.flatMap(remains)
  const created: { kind: EntryKind; id: string }[] = []
  for (const [name, { kind: aggregate, id }] of objects) {
    const kind = kindOf.get(aggregate)
    if (kind === undefined) {
      cannot.push(`${name} stays as it is: what happened to it has no opposite`)
      continue
    }
    const [was, became, is] = [before, after, now].map((world) => desiredEntry(world, kind, id, ownHost))
    if (fieldChanges(was, became).length === 0 || fieldChanges(is, was).length === 0) continue
    if (fieldChanges(became, is).length > 0)
      cannot.push(`${name} was changed again later: its later changes are taken back as well`)
    if (was === undefined) created.push({ kind, id })
    else (wanted[kind] ??= []).push(was)
  }
  const plan = await planFor(wanted as Wanted, {
    simulation: simulation(now, api.policy, actorOf(call), api.clock().toISOString()),
    workshop: workshopFor(call, undefined),
    ownHost,
    publicHttpsPort: api.config.publicHttpsPort,
    prune: false,
    remove: created.toReversed(),
  })
  return { events, plan, cannot: [...new Set(cannot)] }
}

function actorOf({ caller: { name, admin, token } }: Call) {
  return { name, admin, token }
}

/** Every event of the command whose event stands at a position. */
async function commandAt({ api }: Call, position: number): Promise<readonly StoredEvent[]> {
  const from = Math.max(0, position - 1 - 999)
  const before = await eventsIn(api, from + 1, position)
  const [event] = before.slice(-1)
  if (event === undefined || event.position !== position)
    throw new GatehouseError("not_found", "the log does not reach that position")
  const same = ({ meta }: StoredEvent) => meta.command_id === event.meta.command_id
  const start = before.findLastIndex((one) => !same(one)) + 1
  const events = before.slice(start)
  while (events.length < mostEvents) {
    const page = (await api.store.read(events.at(-1)!.position, 1000)) as StoredEvent[]
    const more = page.findIndex((one) => !same(one))
    events.push(...(more === -1 ? page : page.slice(0, more)))
    if (more !== -1 || page.length === 0) break
  }
  return events
}
