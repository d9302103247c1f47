import { type Recipe, argument, required } from "../recipe.ts"
import type { Session } from "../session.ts"
import { words } from "../value.ts"

const group = "routes"

type Args = Readonly<Record<string, string>>

const show: Recipe = {
  name: "proxy-routes-show",
  group,
  doc: "Show which routes a proxy takes, and those that apply in the order of matching",
  parameters: [required("hostname")],
  async run(session, args) {
    const params = { hostname: argument(args, "hostname") }
    session.show(await session.call("getProxyRoutes", { params, token: await session.token("") }))
  },
}

/** Reads a proxy's route settings, changes them and writes them back; refused when somebody else changed them in between. */
async function change(session: Session, args: Args, changes: object): Promise<void> {
  const call = { params: { hostname: argument(args, "hostname") }, token: await session.token(argument(args, "token")) }
  const { body, headers } = await session.call("getProxyRoutes", call)
  const { route_mode, enabled_routes, disabled_routes } = body
  const ifMatch = session.flag("if-match") ?? headers.get("etag") ?? undefined
  const next = { route_mode, enabled_routes, disabled_routes, ...changes }
  session.show(await session.call("setProxyRoutes", { ...call, body: next, ifMatch }))
}

const mode: Recipe = {
  name: "proxy-routes-mode",
  group,
  doc: "Set which routes a proxy takes: all, selective or none; the lists are kept",
  parameters: [required("hostname"), required("token"), required("mode")],
  run: (session, args) => change(session, args, { route_mode: argument(args, "mode") }),
}

const lists: Recipe = {
  name: "proxy-routes-set",
  group,
  doc: "Set the lists of enabled and disabled routes of a proxy, comma separated; the mode is kept",
  parameters: [required("hostname"), required("token"), required("enabled-routes"), required("disabled-routes")],
  run: (session, args) =>
    change(session, args, {
      enabled_routes: words(argument(args, "enabled-routes")),
      disabled_routes: words(argument(args, "disabled-routes")),
    }),
}

const switched = (name: string, doc: string, operationId: string): Recipe => ({
  name,
  group,
  doc,
  parameters: [required("hostname"), required("route-id"), required("token")],
  async run(session, args) {
    const params = { hostname: argument(args, "hostname"), route_id: argument(args, "route-id") }
    const token = await session.token(argument(args, "token"))
    session.show(await session.call(operationId, { params, token, ifMatch: session.flag("if-match") }))
  },
})

/** Recipes about the routes of one proxy. */
export const proxyRouteRecipes: readonly Recipe[] = [
  show,
  mode,
  switched("proxy-route-enable", "Let a route apply to a proxy", "enableProxyRoute"),
  switched("proxy-route-disable", "Keep a route from applying to a proxy", "disableProxyRoute"),
  lists,
]
