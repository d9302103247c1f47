import * as z from "zod"
import type { World } from "../../events/world.ts"
import type { Instance } from "../../events/instance.ts"
import { proxiesTo, routesTo } from "../../events/targets.ts"
import { ownerFields } from "./owner.ts"

/** An instance. */
export const InstanceView = z
  .strictObject({
    name: z.string(),
    target_url: z.string(),
    description: z.string(),
    created_by: z.string(),
    owner: z.string(),
    owner_token_hash: z.string().nullable(),
    created_at: z.string(),
  })
  .meta({ id: "Instance" })

/** An instance with what leads to it: ids of routes and host names of proxies. */
export const InstanceDetail = InstanceView.extend({ used_by: z.array(z.string()) }).meta({ id: "InstanceDetail" })

/** View of an instance. */
export function instanceView(instance: Instance, world: World): z.infer<typeof InstanceView> {
  return { ...instance, ...ownerFields(world, instance.owner) }
}

/** View of an instance with what leads to it. @param visible objects of which owners the reader may see */
export function instanceDetail(
  instance: Instance,
  world: World,
  visible: (owner: string) => boolean,
): z.infer<typeof InstanceDetail> {
  const { name } = instance
  const routes = routesTo(world, "instance", name).filter(({ owner }) => visible(owner))
  const proxies = proxiesTo(world, "instance", name).filter(({ owner }) => visible(owner))
  const used_by = [...routes.map(({ route_id }) => route_id), ...proxies.map(({ hostname }) => hostname)]
  return { ...instanceView(instance, world), used_by: used_by.sort() }
}
