import { currentSession, endSession } from "./session.ts"
import type { Handler } from "./authorization-server.ts"
import { cookie, sessionCookie } from "./cookies.ts"
import { formParameters } from "./parameters.ts"
import { markup } from "./markup.ts"
import { page } from "./pages.ts"
import { requireCsrf, requireOwnOrigin } from "./transaction.ts"

/** `GET /logout`: asks; a link alone ends nothing. */
export const askLogout: Handler = async (server, event) => {
  const session = await currentSession(server, event)
  if (session === undefined) return signedOut()
  return page(
    "Sign out?",
    markup`<p>You are signed in as <strong>${session.user.username}</strong>. Applications that you allowed keep their access;
see <a href="/account">your account</a>.</p>
<form method="post" action="/logout"><input type="hidden" name="csrf" value="${session.csrf}"><button class="go">Sign out</button></form>`,
    { formAction: ["'self'"] },
  )
}

/** `POST /logout`: ends this browser's session, and with it every host cookie that came of it. */
export const logout: Handler = async (server, event) => {
  requireOwnOrigin(server, event)
  const form = await formParameters(event)
  form.requireSingle()
  const session = await currentSession(server, event)
  if (session === undefined) return signedOut()
  requireCsrf(session, form.get("csrf"))
  return signedOut(await endSession(server, event, session))
}

function signedOut(setCookie = cookie(sessionCookie, "", 0)): Response {
  const headers = { "set-cookie": setCookie }
  return page("Signed out", markup`<p>This browser is signed out here.</p>`, { headers })
}
