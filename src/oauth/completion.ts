import { type AuthorizationServer, clientLifeEnds } from "./authorization-server.ts"
import { oauthActor } from "./oauth-actor.ts"
import { type Transaction, clientOf } from "./transaction.ts"
import { type User, policyFault } from "./user.ts"
import { answering, codeResponse, seeOther } from "./authorization-response.ts"
import { consentId, shownOf } from "./remembered-consent.ts"
import type { Client } from "../events/oauth-client.ts"
import { OAuthError, PageError } from "./oauth-error.ts"
import { approveDevice } from "./device-code.ts"
import { done } from "./done.ts"
import type { H3Event } from "h3"
import { mayRefresh, scopeFor } from "./granted-scope.ts"
import { mintCode } from "./authorization-code.ts"
import { openSession } from "./session.ts"
import { randomUUID } from "node:crypto"
import { tallyAuthorization } from "./tally.ts"
import { about } from "./outcome.ts"
import type { GrantedFacts } from "./token-response.ts"

/**
 * Ends an authorization that was allowed by somebody who signed in: user policy, grant, and a code or the device's approval.
 * The grant is issued here and not when the code is redeemed: a store that fails now has used up nothing, redemption is one
 * atomic step without a command, and every node has folded the grant by the time its first token is shown. The price is a
 * grant without tokens when a client never redeems its code.
 * @param asked the person was asked just now, so that their consent is a new one
 * @throws OAuthError `access_denied`; GatehouseError `store_unavailable`
 */
export async function completeAuthorization(
  server: AuthorizationServer,
  transaction: Transaction,
  user: User,
  asked: boolean,
): Promise<Response> {
  const { client_id, resources } = transaction
  const client = clientOf(server, transaction)
  requirePolicy(server, transaction, user)
  const scope = scopeFor(server, user, client_id, transaction.scope, resources, "access_denied")
  await recordDocument(server, transaction)
  const grantId = randomUUID()
  const position = await issueGrant(server, client, { ...transaction, scope }, user, grantId, asked)
  server.crash("oauth.grantRecorded")
  server.log.info("oauth_grant_issued", { grant_id: grantId, client_id, subject: user.subject, resources })
  tallyAuthorization(server, client_id)
  const facts = { grant_id: grantId, position, user, resources }
  const refreshable = mayRefresh(client, scope)
  return about(await answerTo(server, transaction, facts, refreshable), {
    client_id,
    subject: user.subject,
    grant_id: grantId,
  })
}

async function answerTo(
  server: AuthorizationServer,
  { answer, client_id, code }: Transaction,
  facts: GrantedFacts,
  refreshable: boolean,
): Promise<Response> {
  switch (answer.via) {
    case "redirect": {
      const request = { redirect_uri: answer.redirect_uri, ...code! }
      return codeResponse(server, answer, await mintCode(server, client_id, request, facts, refreshable))
    }
    case "device":
      return approveDevice(server, answer.device, facts, refreshable)
    case "session":
      return seeOther(answer.return_url)
  }
}

/** @throws OAuthError `access_denied` */
function requirePolicy(server: AuthorizationServer, { client_id, resources }: Transaction, user: User): void {
  const fault = policyFault(server, user, client_id, resources)
  if (fault === undefined) return
  server.log.warning("oauth_login_refused", { reason: fault, subject: user.subject, client_id, resources })
  const error = new OAuthError("access_denied", "the account may not use this; try another account", {
    told: `the account ${user.username} may not use this; try another account`,
  })
  throw about(error, { reason: fault, subject: user.subject })
}

/** A client that describes itself becomes one of ours when somebody allows it, with the description that they saw. */
async function recordDocument(server: AuthorizationServer, { client_id, document }: Transaction): Promise<void> {
  if (document === null) return
  const data = { client_id, metadata: document, expires_at: clientLifeEnds(server) }
  done(await server.bus.execute({ type: "RecordClientDocument", data, actor: oauthActor }))
}

async function issueGrant(
  server: AuthorizationServer,
  client: Client,
  { answer, scope, resources }: Transaction,
  user: User,
  grantId: string,
  asked: boolean,
): Promise<number> {
  const redirectUri = answer.via === "redirect" ? answer.redirect_uri : null
  const data = {
    grant_id: grantId,
    client_id: client.client_id,
    subject: user.subject,
    username: user.username,
    email: user.email,
    email_verified: user.emailVerified,
    provider: user.provider,
    scope: scope.join(" "),
    resources,
    redirect_uri: redirectUri,
    client_expires_at: clientLifeEnds(server),
    ...(asked &&
      redirectUri !== null && {
        consent: {
          consent_id: consentId(user.subject, client.client_id, redirectUri, resources),
          shown: shownOf(client),
        },
      }),
  }
  const actor = { ...oauthActor, name: `oauth:${user.subject}` }
  return done(await server.bus.execute({ type: "IssueGrant", data, actor })).position
}

/** A proven login: session, grant, code. Somebody who is refused gets no session, so that another account can follow. */
export async function finishLogin(
  server: AuthorizationServer,
  event: H3Event,
  transaction: Transaction,
  user: User,
  credential: string | null,
): Promise<Response> {
  if (transaction.answer.via === "session")
    return finishSessionLogin(server, event, transaction.answer.return_url, user, credential)
  clientOf(server, transaction)
  return answering(server, transaction, async () => {
    const response = await completeAuthorization(server, transaction, user, true)
    response.headers.append("set-cookie", await openSession(server, event, user, credential))
    return response
  })
}

/** Ends a sign-in that serves no client. @throws PageError when the account may not sign in */
async function finishSessionLogin(
  server: AuthorizationServer,
  event: H3Event,
  returnUrl: string,
  user: User,
  credential: string | null,
): Promise<Response> {
  const fault = policyFault(server, user, "", [])
  if (fault !== undefined) {
    server.log.warning("oauth_login_refused", { reason: fault, subject: user.subject })
    const text = `The account ${user.username} may not sign in here. Try another account.`
    throw about(new PageError(403, fault, "Not allowed", text), { subject: user.subject })
  }
  const setCookie = await openSession(server, event, user, credential)
  return about(seeOther(returnUrl, { "set-cookie": setCookie }), { subject: user.subject })
}
