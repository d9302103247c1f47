import { type HostHandler, askHostLogout, beginLogin, hostLogout, redeemTicket } from "./host-session.ts"
import type { AuthorizationServer } from "./authorization-server.ts"
import { GatehouseError } from "../errors.ts"
import { H3, type H3Event } from "h3"
import { errorAnswer } from "./error-answer.ts"
import { errorPage } from "./pages.ts"
import { find } from "../events/world.ts"
import { takesCookie } from "../projections/browser-host.ts"
import { withResources } from "../projections/resource.ts"
import { codeOf } from "./tally.ts"
import { noteOutcome, outcomeOf } from "./outcome.ts"

const paths: Readonly<Record<string, Readonly<Partial<Record<"GET" | "POST", HostHandler>>>>> = {
  "/.gatehouse/session": { GET: redeemTicket },
  "/.gatehouse/login": { GET: beginLogin },
  "/.gatehouse/logout": { GET: askHostLogout, POST: hostLogout },
}

/** Our paths on proxied hosts that take a cookie. */
export function hostApp(server: AuthorizationServer): H3 {
  const app = new H3({ silent: true, onError: () => dressed(errorPage(400, "Malformed request", "Try again.")) })
  for (const [path, methods] of Object.entries(paths))
    app.all(path, async (event) => {
      try {
        const handler = methods[event.req.method as "GET" | "POST"]
        if (handler === undefined)
          throw new GatehouseError("method_not_allowed", undefined, { allow: Object.keys(methods) })
        const response = await handler(server, hostOf(server, event), event)
        noteOutcome(event, outcomeOf(response))
        return dressed(response)
      } catch (error) {
        noteOutcome(event, { reason: codeOf(error), ...outcomeOf(error) })
        return dressed(errorAnswer(server, "page", event, error))
      }
    })
  app.all("/**", () => dressed(errorPage(404, "Not found", "There is nothing here.")))
  return app
}

/** The proxied host that was asked; the edge has checked it. @throws GatehouseError when it went meanwhile */
function hostOf({ projections, config }: AuthorizationServer, event: H3Event) {
  const name = (event.req.headers.get("host") ?? "").toLowerCase().replace(/:\d+$/, "")
  const proxy = find(projections.world, "proxy", name)
  const ours = proxy?.auth?.auth_proxy === config.oauthAuthority.replace(/:\d+$/, "")
  if (proxy === undefined || !ours || !takesCookie(proxy)) throw new GatehouseError("not_found")
  return withResources(projections.world, proxy)
}

/** The host is somebody else's: what the OAuth host says of itself alone, as strict transport security, is not said here. */
function dressed(response: Response): Response {
  response.headers.set("x-content-type-options", "nosniff")
  response.headers.set("referrer-policy", "no-referrer")
  return response
}
