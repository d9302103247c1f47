import { Named, shownProxy } from "./proxies.ts"
import { ProxyRoutesView, proxyRoutesView } from "../../projections/views/proxy.ts"
import type { Call } from "../endpoint.ts"
import { ProxyRoutesRequest } from "../../commands/proxy-routes.ts"
import { RouteId } from "../../events/route.ts"
import { endpoint } from "../endpoint.ts"
import { write } from "../write.ts"

const tag = "routes"
const one = "/api/v1/proxy/targets/{hostname}/routes"

function shown(call: Call, hostname: string) {
  const { proxy, version } = shownProxy(call, hostname)
  return { body: proxyRoutesView(proxy, call.api.projections.world), version }
}

const showRoutes = endpoint({
  method: "GET",
  path: one,
  operationId: "getProxyRoutes",
  tag,
  summary: "Show which routes a proxy takes, and those that apply to it in the order of matching.",
  who: "owner",
  params: Named,
  status: 200,
  response: ProxyRoutesView,
  errors: ["not_owner"],
  handler: (call) => shown(call, call.params.hostname),
})

const setRoutes = endpoint({
  method: "PUT",
  path: one,
  operationId: "setProxyRoutes",
  tag,
  summary: "Set which routes a proxy takes; replaces mode and lists.",
  who: "owner",
  params: Named,
  body: ProxyRoutesRequest,
  status: 200,
  response: ProxyRoutesView,
  errors: ["not_owner"],
  handler: (call) =>
    write(call, { type: "SetProxyRoutes", data: { ...call.params, routes: call.body } }, () =>
      shown(call, call.params.hostname),
    ),
})

const switching = (on: boolean) =>
  endpoint({
    method: "POST",
    path: `${one}/{route_id}/${on ? "enable" : "disable"}`,
    operationId: on ? "enableProxyRoute" : "disableProxyRoute",
    tag,
    summary: on ? "Let a route apply to a proxy." : "Keep a route from applying to a proxy.",
    who: "owner",
    params: Named.extend({ route_id: RouteId }),
    status: 200,
    response: ProxyRoutesView,
    errors: ["not_owner", "invalid_state"],
    handler: (call) =>
      write(call, { type: "SwitchProxyRoute", data: { ...call.params, on } }, () => shown(call, call.params.hostname)),
  })

/** Endpoints about the routes of one proxy. */
export const proxyRouteEndpoints = [showRoutes, setRoutes, switching(true), switching(false)]
