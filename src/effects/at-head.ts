import type { EffectContext } from "./effect-context.ts"

/** Milliseconds after which a wait looks whether it is still wanted: stopping takes no longer. */
const lookMs = 1000

/** The leader before may have recorded what this node has not seen yet: waits for all of that, or for the end of `signal`. */
export async function atHead(
  { store, projections }: Pick<EffectContext, "store" | "projections">,
  signal: AbortSignal,
): Promise<void> {
  await reaches(projections, (await store.head()).position, signal)
}

/** Waits until this node has seen the position, or for the end of `signal`. */
export async function reaches(
  projections: EffectContext["projections"],
  position: number,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted && !(await projections.reached(position, lookMs)));
}
