import { currentSession, endSession } from "./session.ts"
import type { AuthorizationServer, Handler } from "./authorization-server.ts"
import { cookie, sessionCookie } from "./cookies.ts"
import type { ReturnTarget } from "../projections/return-url.ts"
import { checkedReturn } from "./host-login.ts"
import { formParameters, queryParameters } from "./parameters.ts"
import { markup } from "./markup.ts"
import { page } from "./pages.ts"
import { seeOther } from "./authorization-response.ts"
import { requireCsrf, requireOwnOrigin } from "./transaction.ts"
import { about } from "./outcome.ts"

/** `GET /logout`: asks; a link alone ends nothing. */
export const askLogout: Handler = async (server, event) => {
  const query = queryParameters(event)
  query.requireSingle()
  const target = returnOf(server, query.get("return_url"))
  const session = await currentSession(server, event)
  if (session === undefined) return signedOut(target)
  return page(
    "Sign out?",
    markup`<p>You are signed in as <strong>${session.user.username}</strong>. Applications that you allowed keep their access;
see <a href="/account">your account</a>.</p>
<form method="post" action="/logout"><input type="hidden" name="csrf" value="${session.csrf}">${
      target && markup`<input type="hidden" name="return_url" value="${target.href}">`
    }<button class="go">Sign out</button></form>`,
    { formAction: ["'self'", ...(target === undefined ? [] : [target.origin])] },
  )
}

/** `POST /logout`: ends this browser's session, and with it every host cookie that came of it. */
export const logout: Handler = async (server, event) => {
  requireOwnOrigin(server, event)
  const form = await formParameters(event)
  form.requireSingle()
  const session = await currentSession(server, event)
  const target = returnOf(server, form.get("return_url"))
  if (session === undefined) return signedOut(target)
  requireCsrf(session, form.get("csrf"))
  const setCookie = await endSession(server, session)
  const done = target === undefined ? signedOut(undefined) : seeOther(target.href, { "set-cookie": setCookie })
  return about(done, { subject: session.user.subject })
}

/** @throws PageError for a place that is not to be returned to */
function returnOf(server: AuthorizationServer, text: string | undefined): ReturnTarget | undefined {
  return text === undefined ? undefined : checkedReturn(server, text)
}

function signedOut(target: ReturnTarget | undefined): Response {
  const back = target && markup`<p><a href="${target.href}">Back to ${target.origin}</a></p>`
  const headers = { "set-cookie": cookie(sessionCookie, "", 0) }
  return page("Signed out", markup`<p>This browser is signed out here.</p>${back}`, { headers })
}
