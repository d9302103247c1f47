import type { AuthorizationServer } from "./authorization-server.ts"
import type { H3Event } from "h3"
import { PageError } from "./oauth-error.ts"
import type { ResourceProxy } from "../projections/resource.ts"
import { type Ticket, checkedReturn, hostFault, ticketKind } from "./host-login.ts"
import { accessCookie } from "./browser-token.ts"
import { accessCookieName, hostCookie, hostOrigin, loginCookie } from "../projections/browser-host.ts"
import { digest, randomSecret } from "../platform/ids.ts"
import { loginRedirect } from "../projections/login-redirect.ts"
import { markup } from "./markup.ts"
import { page } from "./pages.ts"
import { queryParameters } from "./parameters.ts"
import { readCookie } from "./cookies.ts"
import { seeOther } from "./authorization-response.ts"
import { sessionOf } from "./session.ts"
import { about } from "./outcome.ts"

/** A request to one of our paths on a proxied host that takes the cookie. */
export type HostHandler = (
  server: AuthorizationServer,
  proxy: ResourceProxy,
  event: H3Event,
) => Promise<Response> | Response

/**
 * `GET /.gatehouse/session?ticket`: the way back from the login. The ticket is taken whatever follows; it must be for this host,
 * and the browser must have begun here, or be signed in here under the same session already, as the second of two tabs is.
 */
export const redeemTicket: HostHandler = async (server, proxy, event) => {
  const query = queryParameters(event)
  query.requireSingle()
  const id = query.get("ticket")
  const ticket = (id === undefined ? undefined : await server.ttl.take(ticketKind, id)) as Ticket | undefined
  if (ticket === undefined || ticket.hostname !== proxy.hostname) throw loginExpired("ticket_unknown")
  const session = await sessionOf(server, ticket.session)
  if (session === undefined) throw loginExpired("session_ended")
  const begun = readCookie(event.req, loginCookie)
  if (begun === undefined || digest(begun) !== ticket.nonce) {
    const signedIn = currentCookie(server, proxy, event)
    if (signedIn?.sid !== session.session_id) throw loginExpired("nonce_mismatch")
    return seeOther(ticket.return_url)
  }
  if (hostFault(server, session.user, proxy) !== undefined)
    throw about(
      new PageError(403, "host_refused", "Not allowed", `The account ${session.user.username} may not use this host.`),
      { subject: session.user.subject },
    )
  const response = seeOther(checkedReturn(server, ticket.return_url).href)
  response.headers.append("set-cookie", await accessCookie(server, proxy, session))
  response.headers.append("set-cookie", hostCookie(loginCookie, "", 0))
  server.log.info("oauth_host_session", { hostname: proxy.hostname, session_id: session.session_id })
  return about(response, { subject: session.user.subject })
}

/** `GET /.gatehouse/login?return_path`: signs in although nothing asked for it; how it begins on hosts that let anybody in. */
export const beginLogin: HostHandler = (server, proxy, event) => {
  const query = queryParameters(event)
  query.requireSingle()
  const path = query.get("return_path") ?? "/"
  if (!path.startsWith("/"))
    throw new PageError(400, "return_url_refused", "Unknown destination", "This link is broken.")
  const { publicHttpsPort } = server.config
  const { href } = checkedReturn(server, `${hostOrigin(proxy.hostname, publicHttpsPort)}${path}`)
  const known = readCookie(event.req, loginCookie)
  const { location, setCookie } = loginRedirect(proxy.auth!.auth_proxy, publicHttpsPort, href, known, randomSecret)
  return new Response(null, {
    status: 302,
    headers: { location, "set-cookie": setCookie, "cache-control": "no-store" },
  })
}

/** `GET /.gatehouse/logout`: asks; a link alone ends nothing. */
export const askHostLogout: HostHandler = (server, { hostname }) =>
  page(
    "Sign out?",
    markup`<p>You will be signed out of <strong>${hostname}</strong>, and asked about every other host.</p>
<form method="post" action="/.gatehouse/logout"><button class="go">Sign out</button></form>`,
    { formAction: ["'self'", server.issuer] },
  )

/** `POST /.gatehouse/logout`: removes this host's cookie, and goes to where the session can be ended. */
export const hostLogout: HostHandler = ({ config, issuer }, proxy, event) => {
  const origin = hostOrigin(proxy.hostname, config.publicHttpsPort)
  const site = event.req.headers.get("sec-fetch-site")
  if (event.req.headers.get("origin") !== origin && site !== "same-origin")
    throw new PageError(403, "origin_not_allowed", "Not allowed", "This form can only be sent from this host.")
  const query = new URLSearchParams({ return_url: `${origin}/` })
  const response = seeOther(`${issuer}/logout?${query.toString()}`)
  response.headers.append("set-cookie", hostCookie(accessCookieName(proxy), "", 0))
  return response
}

function currentCookie(server: AuthorizationServer, proxy: ResourceProxy, event: H3Event) {
  const text = readCookie(event.req, accessCookieName(proxy))
  if (text === undefined) return undefined
  const origin = hostOrigin(proxy.hostname, server.config.publicHttpsPort)
  const cookie = server.browserCookies.verify(text, server.issuer, origin)
  return typeof cookie === "string" ? undefined : cookie.claims
}

function loginExpired(why: string): PageError {
  return new PageError(400, why, "Sign-in expired", "Open the page that you wanted to see again.")
}
