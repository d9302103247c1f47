import { type AuthorizationServer, oauthActor } from "./authorization-server.ts"
import { type User, policyFault } from "./user.ts"
import { OAuthError } from "./oauth-error.ts"
import { type Transaction, clientOf } from "./transaction.ts"
import { answering, codeResponse } from "./authorization-response.ts"
import { done } from "./done.ts"
import { mintCode } from "./authorization-code.ts"
import type { H3Event } from "h3"
import { openSession } from "./session.ts"
import { randomUUID } from "node:crypto"

/**
 * Ends an authorization that was allowed by somebody who signed in: user policy, grant, code, redirect.
 * The grant is issued here and not when the code is redeemed: a store that fails now has used up nothing, redemption is one
 * atomic step without a command, and every node has folded the grant by the time its first token is shown. The price is a
 * grant without tokens when a client never redeems its code.
 * @throws OAuthError `access_denied`; GatehouseError `store_unavailable`
 */
export async function completeAuthorization(
  server: AuthorizationServer,
  transaction: Transaction,
  user: User,
): Promise<Response> {
  const { client_id, resources, scope, redirect_uri } = transaction
  const fault = policyFault(server, user, client_id, resources)
  if (fault !== undefined) {
    server.log.warning("oauth_login_refused", { reason: fault, subject: user.subject, client_id, resources })
    throw new OAuthError(
      "access_denied",
      `the account ${printable(user.username)} may not use this; try another account`,
    )
  }
  const grantId = randomUUID()
  const grant = {
    grant_id: grantId,
    client_id,
    subject: user.subject,
    username: user.username,
    email: user.email,
    email_verified: user.emailVerified,
    provider: user.provider,
    scope: scope.join(" "),
    resources,
    redirect_uri,
  }
  const actor = { ...oauthActor, name: `oauth:${user.subject}` }
  const { position } = done(await server.bus.execute({ type: "IssueGrant", data: grant, actor }))
  server.log.info("oauth_grant_issued", { grant_id: grantId, client_id, subject: user.subject, resources })
  return codeResponse(server, transaction, await mintCode(server, transaction, user, grantId, position))
}

/** A proven login: session, grant, code. Somebody who is refused gets no session, so that another account can follow. */
export async function finishLogin(
  server: AuthorizationServer,
  event: H3Event,
  transaction: Transaction,
  user: User,
  credential: string | null,
): Promise<Response> {
  clientOf(server, transaction)
  return answering(server, transaction, async () => {
    const response = await completeAuthorization(server, transaction, user)
    response.headers.append("set-cookie", await openSession(server, event, user, credential))
    return response
  })
}

/** The characters that `error_description` may have (RFC 6749 §4.1.2.1). */
function printable(text: string): string {
  return text.replace(/[^\x20-\x21\x23-\x5b\x5d-\x7e]/g, "?")
}
