import { type ProxyEvent } from "../events/proxy.ts"
import { ProxyRequest, proxyCommands } from "./proxy.ts"
import type { Context } from "./decision.ts"
import { GatehouseError } from "../errors.ts"
import type { NewEvent } from "../events/envelope.ts"
import type { World } from "../events/world.ts"

/** What may be said about the proxy of a service. */
interface Wish {
  readonly hostname?: string | undefined
  readonly enable_https?: boolean
  readonly cert_email?: string | undefined
  readonly staging?: boolean
}

/**
 * A proxy that leads to a service and goes with it; `<name>.<BASE_DOMAIN>` unless another host is named.
 * @throws GatehouseError all that creating a proxy may be refused for
 */
export function serviceProxy(
  service_name: string,
  owner: string,
  { hostname, ...wish }: Wish,
  world: World,
  context: Context,
): { readonly events: readonly NewEvent[]; readonly hostname: string; readonly certificate_status: string } {
  const request = ProxyRequest.safeParse({
    hostname: hostname ?? `${service_name.replaceAll("_", "-")}.${context.policy.services.baseDomain}`,
    target_url: `service://${service_name}`,
    enable_https: false,
    ...Object.fromEntries(Object.entries(wish).filter(([, value]) => value !== undefined)),
    ...(context.actor.admin && { owner }),
  })
  if (!request.success)
    throw new GatehouseError("validation_failed", undefined, {
      errors: request.error.issues.map(({ path, message }) => ({ path: path.join("."), message })),
    })
  const { events, result } = proxyCommands.CreateProxy.decide(request.data, world, context)
  const made = (event: NewEvent): NewEvent =>
    event.type === "ProxyCreated" ? { ...event, data: { ...(event.data as Created), service: service_name } } : event
  return {
    events: events.map(made),
    hostname: request.data.hostname,
    certificate_status: (result as { certificate_status: string }).certificate_status,
  }
}

type Created = Extract<ProxyEvent, { type: "ProxyCreated" }>["data"]
