import type { OAuthNode } from "./oauth-node.ts"

/** Waits until a node has seen everything that another one has: what was written there may be asked for here. */
export async function caughtUp(node: OAuthNode, other: OAuthNode): Promise<void> {
  const { position } = other.world
  if (!(await node.projections.reached(position, 10_000))) throw new Error(`position ${position} did not come`)
}
