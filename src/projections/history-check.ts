import type { EventStore, Head } from "../platform/event-store.ts"
import { ChainError } from "../platform/event-chain.ts"

/** Is the log still the one that this node has folded? @throws ChainError when it was rolled back or replaced */
export async function checkHistory(store: Pick<EventStore, "head" | "read">, seen: Head): Promise<void> {
  const { position, hash } = seen
  const head = await store.head()
  if (head.position < position)
    throw new ChainError(
      position,
      `the log ends at position ${head.position}, but this node has seen position ${position}`,
    )
  const there = head.position === position ? head : (await store.read(position - 1, 1))[0]
  if (position > 0 && there !== undefined && there.position === position && there.hash !== hash)
    throw new ChainError(position, `position ${position} of the log is not the one that this node has seen`)
}
