import { type AuthorizationServer, type Handler } from "./authorization-server.ts"
import { answering, seeOther } from "./authorization-response.ts"
import { all } from "../events/world.ts"
import {
  bindToBrowser,
  clientOf,
  putTransaction,
  requireCsrf,
  requireOwnOrigin,
  takeTransaction,
  peekTransaction,
  type Transaction,
} from "./transaction.ts"
import { OAuthError, PageError } from "./oauth-error.ts"
import { completeAuthorization } from "./completion.ts"
import { currentSession } from "./session.ts"
import { formParameters } from "./parameters.ts"
import { policyFault } from "./user.ts"
import { loginUrl, startLogin } from "./login.ts"

/** `POST /consent`: the person's decision. Only allowing creates the browser's binding cookie and the way to a login. */
export const decide: Handler = async (server, event) => {
  requireOwnOrigin(server, event)
  const form = await formParameters(event)
  form.requireSingle()
  const shown = await peekTransaction(server, "consent", form.get("transaction"))
  requireCsrf(shown, form.get("csrf"))
  const decision = form.get("decision")
  if (decision !== "allow" && decision !== "deny")
    throw new PageError(400, "decision_missing", "Malformed request", "The form says neither allow nor deny.")
  const transaction = await takeTransaction(server, "consent", shown.id)
  const client = clientOf(server, transaction)
  return answering(server, transaction, async () => {
    if (decision === "deny") throw new OAuthError("access_denied", "the person refused")
    const session = transaction.fresh_login ? undefined : await currentSession(server, event)
    const fault = session && policyFault(server, session.user, client.client_id, transaction.resources)
    if (session !== undefined && fault === undefined) return completeAuthorization(server, transaction, session.user)
    const { browser, setCookie } = bindToBrowser(server, event)
    const approved = { ...transaction, browser }
    await putTransaction(server, "login", approved)
    // Somebody who is signed in but may not pass gets the choice of another account, not the same refusal again.
    return withCookie(
      fault === undefined ? await startLogin(server, approved) : seeOther(loginUrl(approved)),
      setCookie,
    )
  })
}

/**
 * Did this person allow the same client the same before: same return address, no other resources, no more scopes?
 * A grant is the record of it; revoking the grant makes the page come back.
 */
export function consented(server: AuthorizationServer, subject: string, asked: Transaction): boolean {
  for (const grant of all(server.projections.world, "grant")) {
    if (grant.subject !== subject || grant.client_id !== asked.client_id || grant.redirect_uri !== asked.redirect_uri)
      continue
    const scope = grant.scope.split(" ")
    if (
      asked.resources.every((uri) => grant.resources.includes(uri)) &&
      asked.scope.every((token) => scope.includes(token))
    )
      return true
  }
  return false
}

function withCookie(response: Response, setCookie: string): Response {
  response.headers.append("set-cookie", setCookie)
  return response
}
