import * as z from "zod"
import type { Route } from "../../events/route.ts"
import { RouteSettings } from "../../events/route.ts"
import type { World } from "../../events/world.ts"
import { ownerFields } from "./owner.ts"

/** A route with its settings. */
export const RouteView = RouteSettings.extend({
  route_id: z.string(),
  proxy_hostnames: z.array(z.string()),
  owner: z.string(),
  owner_token_hash: z.string().nullable(),
  created_at: z.string(),
  updated_at: z.string(),
  version: z.int(),
}).meta({ id: "Route" })

/** View of a route. */
export function routeView(route: Route, world: World): z.infer<typeof RouteView> {
  return {
    ...route,
    ...ownerFields(world, route.owner),
    version: world.objects.route.get(route.route_id)?.version ?? 0,
  }
}
