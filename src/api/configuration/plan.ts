import { type Entry, type EntryKind, entryKinds, entryName } from "./document.ts"
import type { Intent, Workshop } from "./intent.ts"
import { intentsFor, removalOf, routeListIntents } from "./commands.ts"
import { desiredEntry, desiredIds } from "./desired.ts"
import { GatehouseError } from "../../errors.ts"
import type { Simulation } from "./simulation.ts"
import type { World } from "../../events/world.ts"
import { equal } from "../../commands/decision.ts"
import { resourceId } from "../../commands/resource.ts"
import { setImmediate } from "node:timers/promises"

/** Objects by kind, as a document has them. */
export type Wanted = { readonly [K in EntryKind]?: Entry<K>[] | undefined }

/** A field that becomes another. */
export interface Change {
  readonly field: string
  readonly from: unknown
  readonly to: unknown
}

/** Everything about one object that is done at one time. */
export interface Step {
  readonly kind: EntryKind
  readonly name: string
  readonly id: string
  readonly action: "create" | "update" | "delete"
  readonly changes: readonly Change[]
  /** Each command with what the object must be when it is given. */
  readonly commands: readonly { readonly intent: Intent; readonly before: Entry | undefined }[]
}

/** What keeps an object from becoming what its entry says. */
export interface Obstacle {
  readonly kind: EntryKind
  readonly name: string
  readonly code: string
  readonly detail: string
}

/** All that would be done, and what stands against it. */
export interface Plan {
  readonly steps: readonly Step[]
  readonly unchanged: number
  readonly errors: readonly Obstacle[]
}

interface Item {
  readonly kind: EntryKind
  readonly id: string
  readonly name: string
  readonly make: (world: World) => Intent[] | Promise<Intent[]>
}

/** What a plan is made with. */
export interface PlanParts {
  readonly simulation: Simulation
  readonly workshop: Workshop
  /** The OAuth host. */
  readonly ownHost: string
  readonly publicHttpsPort: number
  readonly prune: boolean
  /** Objects that are to go, by kind and id. */
  readonly remove?: readonly { readonly kind: EntryKind; readonly id: string }[]
}

/** Objects that are planned for without a pause. */
const atOnce = 20

/** Most obstacles that a plan tells of. */
const mostErrors = 50

/**
 * Plans by doing it in a simulation: what is refused there would be refused, and what comes to no event is the same already.
 * An obstacle does not end the plan, so that all that is wrong is seen at once.
 */
export async function planFor(wanted: Wanted, parts: PlanParts): Promise<Plan> {
  const { simulation, ownHost } = parts
  const steps: Step[] = []
  const errors: Obstacle[] = []
  const touched = new Set<string>()
  const refused = new Set<string>()
  const items = [...itemsOf(wanted, parts), ...(parts.prune ? prunedItems(wanted, parts) : []), ...removals(parts)]
  for (const [index, item] of items.entries()) {
    // Others are served meanwhile.
    if (index % atOnce === atOnce - 1) await setImmediate()
    // What comes later of an object that is not to be had says nothing new.
    if (refused.has(keyOf(item))) continue
    try {
      const step = await simulate(item, simulation, ownHost)
      if (step === undefined) continue
      steps.push(step)
      touched.add(keyOf(item))
    } catch (error) {
      if (!(error instanceof GatehouseError) || error.status >= 500) throw error
      touched.add(keyOf(item))
      refused.add(keyOf(item))
      const { kind, name } = item
      if (errors.length < mostErrors) errors.push({ kind, name, code: error.code, detail: error.message })
    }
  }
  const all = new Set(itemsOf(wanted, parts).map(keyOf))
  return { steps, errors, unchanged: [...all].filter((key) => !touched.has(key)).length }
}

const keyOf = ({ kind, id }: Item) => `${kind} ${id}`

async function simulate(
  { kind, id, name, make }: Item,
  { world, run }: Simulation,
  ownHost: string,
): Promise<Step | undefined> {
  const entry = () => desiredEntry(world, kind, id, ownHost)
  const first = entry()
  const commands: { intent: Intent; before: Entry | undefined }[] = []
  for (const intent of await make(world)) {
    const before = entry()
    if (run(intent) > 0) commands.push({ intent, before })
  }
  if (commands.length === 0) return undefined
  const last = entry()
  const action = first === undefined ? "create" : last === undefined ? "delete" : "update"
  return { kind, name, id, action, commands, changes: action === "update" ? changesOf(first!, last!) : [] }
}

function changesOf(before: Entry, after: Entry): Change[] {
  const [from, to] = [before, after].map((entry) => shown(entry as unknown as Record<string, unknown>))
  return Object.keys({ ...from, ...to })
    .filter((field) => !equal((before as never)[field] ?? null, (after as never)[field] ?? null))
    .map((field) => ({ field, from: from![field] ?? null, to: to![field] ?? null }))
}

/** Values of added headers may be credentials. */
function shown(entry: Record<string, unknown>): Record<string, unknown> {
  const headers = entry["custom_headers"]
  if (headers === undefined) return entry
  return { ...entry, custom_headers: Object.fromEntries(Object.keys(headers as object).map((name) => [name, "***"])) }
}

/** Kinds in their order; a service that something leads to comes before that. */
function itemsOf(wanted: Wanted, { workshop, publicHttpsPort }: PlanParts): Item[] {
  const items = (kind: EntryKind, include = (_entry: Entry) => true) =>
    ((wanted[kind] ?? []) as Entry[]).filter(include).map((entry): Item => {
      const named = kind === "resources" ? normal(entry as Entry<"resources">, publicHttpsPort) : entry
      const name = entryName(kind, named)
      return {
        kind,
        name,
        id: idOfName(kind, name),
        make: (world) => intentsFor(kind, named, world, workshop),
      }
    })
  const first = servicesLedTo(wanted)
  const isFirst = (entry: Entry) => first.has(entryName("services", entry))
  const lists = (wanted.proxies ?? []).map((entry): Item => ({
    kind: "proxies",
    name: entry.hostname,
    id: entry.hostname,
    make: () => routeListIntents(entry),
  }))
  return [
    ...items("tokens"),
    ...items("instances"),
    ...items("certificates"),
    ...items("services", isFirst),
    ...items("proxies"),
    ...items("routes"),
    ...lists,
    ...items("resources"),
    ...items("services", (entry) => !isFirst(entry)),
    ...items("webhooks"),
  ]
}

/** What the world has and the document, which speaks of its kind, has not; in the opposite order. */
function prunedItems(wanted: Wanted, parts: PlanParts): Item[] {
  const { simulation, ownHost } = parts
  const kept = new Set(itemsOf(wanted, parts).map(keyOf))
  return entryKinds
    .filter((kind) => wanted[kind] !== undefined)
    .toReversed()
    .flatMap((kind) =>
      desiredIds(simulation.world, kind, ownHost)
        .sort()
        .filter((id) => !kept.has(`${kind} ${id}`))
        .map((id) => removalItem(kind, id, parts)),
    )
}

function removalItem(kind: EntryKind, id: string, { simulation, ownHost }: PlanParts): Item {
  const name = entryName(kind, desiredEntry(simulation.world, kind, id, ownHost)!)
  const there = (world: World) => desiredEntry(world, kind, id, ownHost) !== undefined
  return { kind, id, name, make: (world) => (there(world) ? [removalOf(kind, name)] : []) }
}

function removals(parts: PlanParts): Item[] {
  const { remove = [], simulation, ownHost } = parts
  const there = remove.filter(({ kind, id }) => desiredEntry(simulation.world, kind, id, ownHost) !== undefined)
  return there.map(({ kind, id }) => removalItem(kind, id, parts))
}

function idOfName(kind: EntryKind, name: string): string {
  return kind === "tokens" || kind === "certificates" ? name.toLowerCase() : name
}

function normal(entry: Entry<"resources">, publicHttpsPort: number): Entry<"resources"> {
  return { ...entry, uri: resourceId(entry.uri, publicHttpsPort) ?? entry.uri }
}

/** Services that proxies and routes of the document lead to. */
function servicesLedTo({ proxies = [], routes = [] }: Wanted): ReadonlySet<string> {
  const targets = [
    ...proxies.map(({ target_url }) => target_url),
    ...routes.map(({ target_type, target_value }) => `${target_type}://${target_value}`),
  ]
  return new Set(targets.flatMap((target) => /^(?:service:\/\/|instance:\/\/docker-)(.+)$/.exec(target)?.[1] ?? []))
}
