import type { Handler } from "./authorization-server.ts"
import { OAuthError, PageError } from "./oauth-error.ts"
import { answering, seeOther } from "./authorization-response.ts"
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
import { loginUrl, startLogin } from "./login.ts"
import { completeAuthorization } from "./completion.ts"
import { currentSession } from "./session.ts"
import { formParameters } from "./parameters.ts"
import { policyFault } from "./user.ts"

/** `POST /consent`: the person's decision. Only allowing creates the browser's binding cookie and the way to a login. */
export const decide: Handler = async (server, event) => {
  requireOwnOrigin(server, event)
  const form = await formParameters(event)
  form.requireSingle("transaction", "csrf", "decision")
  const shown = await peekTransaction(server, "consent", form.get("transaction"))
  requireCsrf(shown, form.get("csrf"))
  const decision = form.get("decision")
  if (decision !== "allow" && decision !== "deny")
    throw new PageError(400, "decision_missing", "Malformed request", "The form says neither allow nor deny.")
  const taken = await takeTransaction(server, "consent", shown.id)
  const client = clientOf(server, taken)
  return answering(server, taken, async () => {
    if (decision === "deny") throw new OAuthError("access_denied", "the person refused")
    const transaction = narrowed(taken, form.all("without"))
    const session = transaction.fresh_login ? undefined : await currentSession(server, event)
    const fault = session && policyFault(server, session.user, client.client_id, transaction.resources)
    if (session !== undefined && fault === undefined)
      return completeAuthorization(server, transaction, session.user, true)
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

/** The request without the scopes that the person left out. @throws OAuthError `access_denied` when nothing is left */
function narrowed(transaction: Transaction, without: readonly string[]): Transaction {
  const scope = transaction.scope.filter((item) => !without.includes(item))
  if (scope.length === 0) throw new OAuthError("access_denied", "the person allowed none of the scopes")
  return { ...transaction, scope }
}

function withCookie(response: Response, setCookie: string): Response {
  response.headers.append("set-cookie", setCookie)
  return response
}
