import type { AuthorizationServer, Handler } from "./authorization-server.ts"
import { oauthActor } from "./oauth-actor.ts"
import { requireCsrf, requireOwnOrigin } from "./transaction.ts"
import { PageError } from "./oauth-error.ts"
import { type AccountGrant, accountPage } from "./account-page.ts"
import { all, find } from "../events/world.ts"
import { currentSession } from "./session.ts"
import { formParameters } from "./parameters.ts"
import { reason } from "../platform/log.ts"
import type { Used } from "../platform/usage.ts"
import { revokeGrant } from "./grant-revocation.ts"
import { seeOther } from "./authorization-response.ts"
import { startSessionLogin } from "./session-login.ts"
import { about } from "./outcome.ts"

/** `GET /account`: what the signed-in person allowed, to whom; anybody else signs in first. */
export const showAccount: Handler = async (server, event) => {
  const session = await currentSession(server, event)
  if (session === undefined) return startSessionLogin(server, event, "/account")
  const hosts = [...((await usedBy(server, session.session_id))?.hosts.keys() ?? [])].toSorted()
  return accountPage(session, await grantsOf(server, session.user.subject), hosts)
}

/** `POST /account`: takes one grant back. */
export const revokeOwnGrant: Handler = async (server, event) => {
  requireOwnOrigin(server, event)
  const form = await formParameters(event)
  form.requireSingle()
  const session = await currentSession(server, event)
  if (session === undefined) return seeOther("/account")
  requireCsrf(session, form.get("csrf"))
  const { subject } = session.user
  const grant = find(server.projections.world, "grant", form.get("grant") ?? "")
  if (grant !== undefined && grant.subject !== subject)
    throw new PageError(404, "grant_foreign", "Not found", "There is no such access of yours.")
  if (grant !== undefined)
    await revokeGrant(server, grant.grant_id, "user", { ...oauthActor, name: `oauth:${subject}` })
  return about(seeOther("/account"), { subject, ...(grant !== undefined && { grant_id: grant.grant_id }) })
}

/** Use of a grant or browser session; a page without it is better than none. */
async function usedBy({ usage, log }: AuthorizationServer, id: string): Promise<Used | undefined> {
  try {
    return await usage?.of("grant", id)
  } catch (error) {
    log.warning("oauth_usage_unknown", { error: reason(error) })
    return undefined
  }
}

async function grantsOf(server: AuthorizationServer, subject: string): Promise<AccountGrant[]> {
  const { world } = server.projections
  const grants = [...all(world, "grant")].filter((grant) => grant.subject === subject)
  const rows = grants.map(async (grant) => {
    const family = (await server.ttl.peek("refresh", grant.grant_id)) as { rotated_at: number } | undefined
    const client = find(world, "client", grant.client_id)
    return {
      grant,
      clientName: client?.metadata.client_name ?? null,
      lastToken: family === undefined ? null : new Date(family.rotated_at).toISOString(),
      used: await usedBy(server, grant.grant_id),
    }
  })
  const found = await Promise.all(rows)
  return found.sort((a, b) => b.grant.created_at.localeCompare(a.grant.created_at))
}
