import { type World, referring } from "./world.ts"
import type { Proxy } from "./proxy.ts"
import type { Route } from "./route.ts"

/** Routes whose target is an instance, a service, or that of a proxy: by its name, whether it is there or not. */
export function routesTo(world: World, type: "instance" | "service" | "hostname", name: string): Route[] {
  return referring(world, "route", `${type === "hostname" ? "proxy" : type}/${name}`).filter(
    ({ target_type, target_value }) => target_type === type && target_value === name,
  )
}

/** Proxies whose own target is an instance or a service: by its name, whether it is there or not. */
export function proxiesTo(world: World, type: "instance" | "service", name: string): Proxy[] {
  return referring(world, "proxy", `${type}/${name}`).filter(({ target_url }) => target_url === `${type}://${name}`)
}
