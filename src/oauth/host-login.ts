import type { AuthorizationServer, Handler } from "./authorization-server.ts"
import type { BrowserSession } from "./session.ts"
import type { H3Event } from "h3"
import { PageError } from "./oauth-error.ts"
import { type ReturnTarget, returnTarget } from "../projections/return-url.ts"
import { currentSession } from "./session.ts"
import { limit } from "./limits.ts"
import { markup } from "./markup.ts"
import { page } from "./pages.ts"
import { queryParameters } from "./parameters.ts"
import { personOf, policyFault } from "./user.ts"
import { type RuleFault, ruleFault } from "../projections/access-rule.ts"
import type { PolicyFault, User } from "./user.ts"
import type { ResourceProxy } from "../projections/resource.ts"
import { randomSecret } from "../platform/ids.ts"
import { seeOther } from "./authorization-response.ts"
import { showLogin } from "./login.ts"
import { startSessionLogin } from "./session-login.ts"
import { about } from "./outcome.ts"

/** What a ticket stands for: it is taken once, by the host that it names, from the browser that began there. */
export interface Ticket {
  readonly hostname: string
  /** SHA-256 of that browser's login cookie. */
  readonly nonce: string
  /** Handle of the session on the OAuth host. */
  readonly session: string
  /** Absolute, on that host. */
  readonly return_url: string
}

/** Kind of its record. */
export const ticketKind = "ticket"
const ticketMs = 60_000

/** `GET /login`: for a host with `return_url`, otherwise the page of a login in progress. */
export const openLogin: Handler = (server, event) =>
  queryParameters(event).get("return_url") === undefined ? showLogin(server, event) : loginForHost(server, event)

/**
 * `GET /login?return_url&nonce`: a browser that a host sent. Nobody else receives anything, so there is no consent; the host's
 * rule is asked here, so that somebody who is refused sees a page and does not go round in circles.
 * @throws PageError for a place that is not to be returned to
 */
async function loginForHost(server: AuthorizationServer, event: H3Event): Promise<Response> {
  const query = queryParameters(event)
  query.requireSingle()
  const target = checkedReturn(server, query.get("return_url") ?? "")
  const { proxy, href } = target
  const nonce = query.get("nonce") ?? ""
  if (proxy !== undefined && !/^[A-Za-z0-9_-]{43}$/.test(nonce))
    throw new PageError(400, "nonce_malformed", "Malformed request", "This link is incomplete. Open the page again.")
  await limit(server, event, "authorize")
  const session = query.get("prompt") === "login" ? undefined : await currentSession(server, event)
  const back = `/login?${new URLSearchParams({ return_url: href, ...(proxy !== undefined && { nonce }) }).toString()}`
  if (session === undefined) return startSessionLogin(server, event, back, target)
  if (proxy === undefined) return seeOther(href)
  const fault = hostFault(server, session.user, proxy)
  if (fault !== undefined) return refusedPage(server, session, proxy, fault, back)
  const id = randomSecret()
  const ticket: Ticket = { hostname: proxy.hostname, nonce, session: session.handle, return_url: href }
  await server.ttl.put(ticketKind, id, ticket, ticketMs)
  return about(seeOther(`${target.origin}/.gatehouse/session?ticket=${id}`), { subject: session.user.subject })
}

/** May this person, who signed in here, use this host? */
export function hostFault(
  server: AuthorizationServer,
  user: User,
  { auth }: ResourceProxy,
): PolicyFault | RuleFault | undefined {
  return policyFault(server, user, "", []) ?? (auth === null ? undefined : ruleFault(auth, personOf(user, "")))
}

/** The return-URL rule. @throws PageError */
export function checkedReturn(
  { projections, config }: Pick<AuthorizationServer, "projections" | "config">,
  text: string,
): ReturnTarget {
  const { oauthAuthority, publicHttpsPort } = config
  const target = returnTarget(text, { world: projections.world, oauthAuthority, publicHttpsPort })
  if (target !== undefined) return target
  throw new PageError(400, "return_url_refused", "Unknown destination", "This link leads to no host of this Gatehouse.")
}

function refusedPage(
  { log }: AuthorizationServer,
  { user, session_id }: BrowserSession,
  { hostname }: ResourceProxy,
  fault: string,
  again: string,
): Response {
  log.warning("oauth_host_login_refused", { reason: fault, subject: user.subject, session_id, hostname })
  const refused = page(
    "Not allowed",
    markup`<p>You are signed in as <strong>${user.username}</strong> (${user.subject}), who may not use <strong>${hostname}</strong>.</p>
<p><a class="button" href="${`${again}&prompt=login`}">Sign in again or use another account</a> <a href="/logout">Sign out</a></p>`,
    { status: 403 },
  )
  return about(refused, { reason: fault, subject: user.subject })
}
