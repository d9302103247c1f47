import * as z from "zod"
import type { EventOf, Evolve } from "./envelope.ts"
import { Instant } from "./values.ts"

/** Name of an instance, in lower case. */
export const InstanceName = z
  .string()
  .max(64)
  .toLowerCase()
  .regex(/^[a-z0-9][a-z0-9_-]{0,62}$/, "1 to 63 of a-z 0-9 _ -, first a letter or digit")

/** Events of an instance; the aggregate's id is its name. */
export const instanceEvents = {
  InstanceRegistered: z.strictObject({
    name: InstanceName,
    target_url: z.string(),
    description: z.string().max(500),
    owner: z.string(),
    created_by: z.string(),
    /** When it was registered under its first name, for one that was renamed. */
    created_at: Instant.optional(),
  }),
  InstanceUpdated: z.strictObject({ target_url: z.string(), description: z.string().max(500) }).partial(),
  /** It goes on as another aggregate, which the same commit registers. */
  InstanceRenamed: z.strictObject({ name: InstanceName }),
  InstanceReassigned: z.strictObject({ owner: z.string() }),
  InstanceDeleted: z.strictObject({ name: InstanceName }),
} as const

/** Event of an instance. */
export type InstanceEvent = EventOf<typeof instanceEvents>

/** A name for the address of a backend. */
export interface Instance {
  readonly name: string
  readonly target_url: string
  readonly description: string
  readonly owner: string
  /** Who registered it. */
  readonly created_by: string
  readonly created_at: string
}

/** Folds an instance's events. */
export const evolveInstance: Evolve<Instance, InstanceEvent> = (state, event, at) => {
  switch (event.type) {
    case "InstanceRegistered":
      return { ...event.data, created_at: event.data.created_at ?? at }
    case "InstanceUpdated":
    case "InstanceReassigned":
      return state && { ...state, ...(event.data as Partial<Instance>) }
    case "InstanceRenamed":
    case "InstanceDeleted":
      return undefined
  }
}

/** May objects of one owner use an instance of another? Everybody's objects may use an administrator's. */
export function mayUseInstance(owner: string, instance: Pick<Instance, "owner">): boolean {
  return owner === instance.owner || owner === "admin" || instance.owner === "admin"
}
