import type { Api } from "./endpoint.ts"
import { GatehouseError } from "../errors.ts"
import { patience } from "./write.ts"

/**
 * What is missing can only be told when everything is known: this node must have folded all that the store has.
 * @throws GatehouseError `projection_incomplete` at the start, while catching up, and without the store
 */
export async function completeWorld({ projections, store }: Pick<Api, "projections" | "store">): Promise<void> {
  const incomplete = (detail: string) => new GatehouseError("projection_incomplete", detail)
  if (!projections.ready) throw incomplete("this node is still reading the log")
  let head
  try {
    head = await store.head()
  } catch (error) {
    if (!(error instanceof GatehouseError && error.code === "store_unavailable")) throw error
    throw incomplete("the store cannot be reached, so this node may not know everything")
  }
  if (!(await projections.reached(head.position, patience))) throw incomplete("this node is behind the log")
}
