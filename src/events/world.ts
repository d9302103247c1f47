import { type Kind, type StateOf, aggregates, schemaVersion } from "./event.ts"
import type { Evolve, StoredEvent } from "./envelope.ts"
import { type Name, type Refer, type Referrers, type Referring, referOf } from "./references.ts"

/** One aggregate's state and the position of the last event that touched it, which is its version. */
export interface Versioned<State> {
  readonly version: number
  readonly state: State
}

/** Everything that the log says, at one position. The maps change only through {@link apply}; the values never change. */
export interface World {
  position: number
  /** Rises with every change, also with one that leaves the position: what was found out at one revision holds as long as it stays. */
  revision: number
  /** Chain hash at `position`. */
  hash: string
  readonly objects: { readonly [K in Kind]: Map<string, Versioned<StateOf<K>>> }
  /** Follows from the objects: which of them name another. Asked by {@link referring}. */
  readonly referrers: Referrers
}

/** Chain hash before the first event. */
const genesis = "0".repeat(64)

const kinds = Object.keys(aggregates) as Kind[]

/** How one kind is folded. */
interface Folding {
  readonly kind: Kind
  readonly types: ReadonlySet<string>
  readonly evolve: Evolve<unknown, unknown>
  readonly refer: Refer | undefined
}

/** How each kind is folded, as maps: names that come from the log are looked up in them much faster than in objects. */
const foldings: ReadonlyMap<string, Folding> = new Map(
  kinds.map((kind) => {
    const { events, evolve } = aggregates[kind]
    const types: ReadonlySet<string> = new Set(Object.keys(events))
    return [kind, { kind, types, evolve: evolve as Evolve<unknown, unknown>, refer: referOf(kind) }]
  }),
)

/** The world before the first event. */
export function emptyWorld(): World {
  const objects = Object.fromEntries(kinds.map((kind) => [kind, new Map()]))
  return {
    position: 0,
    revision: 0,
    hash: genesis,
    objects: objects as unknown as World["objects"],
    referrers: new Map(),
  }
}

/** The world of objects that were folded before. */
export function worldOf({ position, hash, objects }: Omit<World, "referrers" | "revision">): World {
  const referrers: Referrers = new Map()
  for (const { kind, refer } of foldings.values())
    if (refer !== undefined) for (const [id, { state }] of objects[kind]) refer(referrers, id, undefined, state)
  return { position, revision: 0, hash, objects, referrers }
}

/** A log that this build cannot fold: a gap, or an event type it does not know. */
export class LogError extends Error {
  override name = "LogError"
}

/**
 * Folds one event into the world. A repeat is skipped; of what is unknown and may be passed over, position and version are kept.
 * @returns false when the event was a repeat
 * @throws LogError on a gap and on an unknown event type or schema version
 */
export function apply(world: World, event: StoredEvent): boolean {
  if (event.position <= world.position) return false
  if (event.position !== world.position + 1)
    throw new LogError(`the log jumps from position ${world.position} to ${event.position}`)
  const folding = foldings.get(event.kind)
  const readable = folding !== undefined && folding.types.has(event.type) && event.schema <= schemaVersion
  if (!readable && event.meta.ignorable !== true) throw unreadable(event)
  if (folding !== undefined) {
    const objects = world.objects[folding.kind] as Map<string, Versioned<unknown>>
    const before = objects.get(event.id)?.state
    const next = readable ? folding.evolve(before, event, event.meta.at) : before
    if (next === undefined) objects.delete(event.id)
    else objects.set(event.id, { version: event.position, state: next })
    folding.refer?.(world.referrers, event.id, before, next)
  }
  world.position = event.position
  world.revision += 1
  world.hash = event.hash
  return true
}

function unreadable({ position, kind, type, schema }: StoredEvent): LogError {
  return schema > schemaVersion
    ? new LogError(`position ${position}: schema ${schema} was written by a newer version`)
    : new LogError(`position ${position}: this version does not know ${kind}/${type}`)
}

/** State of one aggregate, or undefined. */
export function find<K extends Kind>(world: World, kind: K, id: string): StateOf<K> | undefined {
  return (world.objects[kind] as Map<string, Versioned<StateOf<K>>>).get(id)?.state
}

/** Every aggregate of a kind, in no particular order. */
export function* all<K extends Kind>(world: World, kind: K): Generator<StateOf<K>> {
  for (const { state } of (world.objects[kind] as Map<string, Versioned<StateOf<K>>>).values()) yield state
}

/** Objects of a kind that name another one, which need not be there; looked up, however many there are. In no particular order. */
export function referring<K extends Referring>(world: World, kind: K, name: Name): StateOf<K>[] {
  const ids = [...(world.referrers.get(name) ?? [])].filter((who) => who.startsWith(`${kind}/`))
  return ids.map((who) => find(world, kind, who.slice(kind.length + 1))!)
}

/** A copy that can be folded further without touching the original. */
export function fork(world: World): World {
  const objects = Object.fromEntries(kinds.map((kind) => [kind, new Map(world.objects[kind] as Map<string, unknown>)]))
  return {
    position: world.position,
    revision: world.revision,
    hash: world.hash,
    objects: objects as unknown as World["objects"],
    referrers: new Map([...world.referrers].map(([name, who]) => [name, new Set(who)])),
  }
}
