import * as z from "zod"
import type { EventOf, Evolve } from "./envelope.ts"
import { HostName, ScopeToken } from "./values.ts"

/** What a resource says about itself. */
export const ResourceSettings = z.strictObject({
  name: z.string().min(1).max(253),
  /** Host name of the proxy that it is behind. */
  proxy_target: HostName,
  scopes: z.array(ScopeToken).min(1).max(32),
  /** Where its metadata (RFC 9728) is; `null`: where the proxy serves it. */
  metadata_url: z.string().max(2048).nullable(),
  description: z.string().max(500),
})

/** Events of a resource; the aggregate's id is its URI in normal form. */
export const resourceEvents = {
  ResourceRegistered: ResourceSettings.extend({
    uri: z.string().max(2048),
    owner: z.string(),
    /** Made from its proxy's MCP settings, and kept in step with them. */
    auto: z.boolean(),
  }),
  ResourceUpdated: ResourceSettings.extend({ auto: z.boolean() }).partial(),
  ResourceReassigned: z.strictObject({ owner: z.string() }),
  ResourceDeleted: z.strictObject({ uri: z.string() }),
} as const

/** Event of a resource. */
export type ResourceEvent = EventOf<typeof resourceEvents>

/** A protected resource (RFC 8707): its URI is an audience that its proxy accepts. */
export interface Resource extends Readonly<z.infer<typeof resourceEvents.ResourceRegistered>> {
  readonly created_at: string
}

/** Folds a resource's events. */
export const evolveResource: Evolve<Resource, ResourceEvent> = (state, event, at) => {
  switch (event.type) {
    case "ResourceRegistered":
      return { ...event.data, created_at: at }
    case "ResourceUpdated":
    case "ResourceReassigned":
      return state && { ...state, ...(event.data as Partial<Resource>) }
    case "ResourceDeleted":
      return undefined
  }
}
