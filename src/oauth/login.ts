import { type AuthorizationServer, type Handler } from "./authorization-server.ts"
import {
  type Transaction,
  formActions,
  peekTransaction,
  requireCsrf,
  requireOwnOrigin,
  requireSameBrowser,
  takeTransaction,
} from "./transaction.ts"
import { failedLogins, failedLoginsOf } from "./limits.ts"
import { seeOther } from "./authorization-response.ts"
import { formParameters, queryParameters } from "./parameters.ts"
import { PageError } from "./oauth-error.ts"
import type { User } from "./user.ts"
import { finishLogin } from "./completion.ts"
import { currentSession } from "./session.ts"
import { loginPage } from "./pages.ts"
import { policyFault } from "./user.ts"
import { providers } from "./providers.ts"
import { sha256 } from "../platform/ids.ts"
import { startProviderLogin } from "./login-provider.ts"
import { tallyError } from "./tally.ts"
import { about } from "./outcome.ts"

/** Where a browser goes to sign in for a transaction. */
export function loginUrl({ id }: Transaction): string {
  return `/login?transaction=${encodeURIComponent(id)}`
}

/** The first step of a login: straight to the only provider, or to the page that has the choice or the form. */
export function startLogin(server: AuthorizationServer, transaction: Transaction): Promise<Response> | Response {
  const [only, ...others] = providers(server)
  if (only === undefined || only.name === "local" || others.length > 0) return seeOther(loginUrl(transaction))
  return startProviderLogin(server, only.name, transaction)
}

/** `GET /login`: choice of the identity provider. */
export const showLogin: Handler = async (server, event) => {
  const transaction = await peekTransaction(server, "login", queryParameters(event).get("transaction"))
  requireSameBrowser(transaction, event)
  const user = (await currentSession(server, event))?.user
  const fault = user && policyFault(server, user, transaction.client_id, transaction.resources)
  return loginView(
    server,
    transaction,
    fault && `You are signed in as ${user.username}, who may not use this. Use another account.`,
  )
}

/** `POST /login`: sign-in with an API token. A wrong one leaves the transaction as it is; ten a minute are too many. */
export const loginLocally: Handler = async (server, event) => {
  requireOwnOrigin(server, event)
  if (!providers(server).some(({ name }) => name === "local"))
    throw new PageError(404, "provider_off", "Not offered", "Sign-in with an API token is switched off.")
  const form = await formParameters(event)
  form.requireSingle()
  const shown = await peekTransaction(server, "login", form.get("transaction"))
  requireSameBrowser(shown, event)
  requireCsrf(shown, form.get("csrf"))
  await server.limiter.check(failedLoginsOf(event), failedLogins)
  const hash = sha256(form.get("token")?.trim() ?? "")
  const user = localUser(server, hash)
  if (user === undefined) {
    tallyError(server, "login_failed")
    await server.limiter.hit(failedLoginsOf(event), failedLogins)
    server.log.warning("oauth_login_failed", { provider: "local", client_id: shown.client_id })
    const again = await loginView(server, shown, "That is no API token of this Gatehouse.", 403)
    return about(again, { reason: "login_failed", ...(shown.client_id !== "" && { client_id: shown.client_id }) })
  }
  const transaction = await takeTransaction(server, "login", shown.id)
  return finishLogin(server, event, transaction, user, hash)
}

function localUser({ tokensByHash, clock }: AuthorizationServer, hash: string): User | undefined {
  const found = tokensByHash.find(hash)
  return (
    found && {
      provider: "local",
      subject: `local-${found.token.name}`,
      username: found.token.name,
      name: null,
      email: found.token.cert_email,
      // Its owner typed it in; nobody ever sent a mail there.
      emailVerified: false,
      groups: found.token.is_admin ? ["admins"] : [],
      authTime: Math.floor(clock().getTime() / 1000),
    }
  )
}

async function loginView(
  server: AuthorizationServer,
  transaction: Transaction,
  message?: string,
  status = 200,
): Promise<Response> {
  return loginPage({
    transaction: transaction.id,
    csrf: transaction.csrf,
    providers: providers(server),
    formAction: await formActions(server, transaction),
    status,
    ...(message !== undefined && { message }),
  })
}
