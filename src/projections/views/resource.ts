import * as z from "zod"
import type { Resource } from "../../events/resource.ts"
import { ResourceSettings } from "../../events/resource.ts"
import type { World } from "../../events/world.ts"
import { ownerFields } from "./owner.ts"

/** A resource of the registry. */
export const ResourceView = ResourceSettings.extend({
  uri: z.string(),
  proxy_target: z.string(),
  metadata_url: z.string().describe("Where its metadata (RFC 9728) is."),
  owner: z.string(),
  owner_token_hash: z.string().nullable(),
  auto: z.boolean().describe("Made from the MCP settings of its proxy, and kept in step with them."),
  created_at: z.string(),
}).meta({ id: "Resource" })

/** View of a resource. */
export function resourceView(resource: Resource, world: World): z.infer<typeof ResourceView> {
  const metadata_url = resource.metadata_url ?? derivedMetadataUrl(resource.uri)
  return { ...resource, ...ownerFields(world, resource.owner), metadata_url }
}

/** RFC 9728 §3.1: the well-known name stands between host and path. */
function derivedMetadataUrl(uri: string): string {
  const { origin } = new URL(uri)
  return `${origin}/.well-known/oauth-protected-resource${uri.slice(origin.length)}`
}
