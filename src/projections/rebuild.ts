import { type World, apply } from "../events/world.ts"
import { type Digest, digests } from "./digest.ts"
import type { EventStore } from "../platform/event-store.ts"
import { GatehouseError } from "../errors.ts"
import type { StoredEvent } from "../events/envelope.ts"
import { replay } from "./replay.ts"
import { worldChanges } from "./state-diff.ts"

/** How a world that was folded anew compares with the one that was there. */
export interface Rebuilt {
  readonly digest: Digest
  readonly equal: boolean
  /** Kinds whose digests differed. */
  readonly differing: readonly string[]
}

/** Folds the log from its start to where `world` is. The result is at its position also when events came in meanwhile. */
export async function rebuildBeside(
  world: World,
  store: Pick<EventStore, "read">,
  signal: AbortSignal,
): Promise<Rebuilt & { readonly rebuilt: World }> {
  const rebuilt = await replay(store, { position: world.position }, signal)
  while (rebuilt.position < world.position) {
    const events = (await store.read(rebuilt.position, world.position - rebuilt.position)) as StoredEvent[]
    if (events.length === 0) throw new GatehouseError("store_unavailable", "the log ends before this node's position")
    for (const event of events) apply(rebuilt, event)
  }
  const [digest, before] = [digests(rebuilt), digests(world)]
  const differing = Object.keys(digest.kinds).filter((kind) => digest.kinds[kind] !== before.kinds[kind])
  return { rebuilt, digest, equal: differing.length === 0 && digest.hash === before.hash, differing }
}

const renewed = "Renewed"

/** Does this tell of a world that was replaced, instead of being an event of the log? */
export function isRenewal({ type }: Pick<StoredEvent, "type">): boolean {
  return type === renewed
}

/** For listeners: one event for each object that differs between two worlds. They look at kind and id, and then at the world. */
export function renewals(before: World, after: World): StoredEvent[] {
  return worldChanges(before, after).map(({ kind, id }) => ({
    position: after.position,
    hash: after.hash,
    schema: 1,
    kind,
    id,
    type: renewed,
    data: {},
    meta: {
      actor: { name: "system:projections", admin: true },
      command_id: "",
      command: "",
      correlation_id: "",
      at: "",
    },
  }))
}
