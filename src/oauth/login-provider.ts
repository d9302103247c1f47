import type { AuthorizationServer, Handler } from "./authorization-server.ts"
import { OAuthError, PageError } from "./oauth-error.ts"
import { type ExternalProvider, externalProvider } from "./external-provider.ts"
import {
  type Transaction,
  expired,
  lifetime,
  peekTransaction,
  requireSameBrowser,
  takeTransaction,
} from "./transaction.ts"
import { answering, seeOther } from "./authorization-response.ts"
import { ProviderError } from "./provider-call.ts"
import type { User } from "./user.ts"
import { challengeOf } from "./pkce.ts"
import { finishLogin } from "./completion.ts"
import { queryParameters } from "./parameters.ts"
import { randomSecret } from "../platform/ids.ts"

/** What waits for a provider's answer under its `state`. */
interface PendingLogin {
  readonly transaction: string
  readonly provider: ExternalProvider["name"]
  /** Of our own PKCE towards the provider. */
  readonly verifier: string
  readonly nonce: string
  /** Seconds since the epoch. */
  readonly started: number
}

/** `GET /login/<provider>`: chosen on the login page. */
export const chooseProvider =
  (name: ExternalProvider["name"]): Handler =>
  async (server, event) => {
    if (externalProvider(server, name) === undefined)
      throw new PageError(404, "provider_off", "Not offered", "This way of signing in is switched off.")
    const transaction = await peekTransaction(server, "login", queryParameters(event).get("transaction"))
    requireSameBrowser(transaction, event)
    return startProviderLogin(server, name, transaction)
  }

/** Sends the browser to a provider with a `state` that only it can bring back. */
export async function startProviderLogin(
  server: AuthorizationServer,
  name: ExternalProvider["name"],
  transaction: Transaction,
): Promise<Response> {
  const provider = externalProvider(server, name)!
  return answering(server, transaction, async () => {
    const [state, verifier, nonce] = [randomSecret(), randomSecret(), randomSecret()]
    const started = Math.floor(server.clock().getTime() / 1000)
    const pending: PendingLogin = { transaction: transaction.id, provider: name, verifier, nonce, started }
    await server.ttl.put("state", state, pending, lifetime(server))
    const login = { state, nonce, challenge: challengeOf(verifier), redirectUri: callbackUri(server), transaction }
    return seeOther(await proven(server, provider, transaction, () => provider.authorizationUrl(login)))
  })
}

/**
 * `GET /callback`: a provider's answer. A state that is unknown, used, too old or another browser's ends in a page: nothing in the
 * query says where else to go.
 */
export const callback: Handler = async (server, event) => {
  const query = queryParameters(event)
  const state = query.get("state")
  const pending = (state === undefined ? undefined : await server.ttl.take("state", state)) as PendingLogin | undefined
  const provider = pending && externalProvider(server, pending.provider)
  if (pending === undefined || provider === undefined) throw expired()
  const waiting = await peekTransaction(server, "login", pending.transaction)
  requireSameBrowser(waiting, event)
  const transaction = await takeTransaction(server, "login", waiting.id)
  return answering(server, transaction, async () => {
    query.requireSingle("code", "state", "error", "iss")
    const code = requireCode(provider, query.get("code"), query.get("error"))
    const { verifier, nonce, started } = pending
    const answer = {
      code,
      iss: query.get("iss"),
      verifier,
      nonce,
      started,
      redirectUri: callbackUri(server),
      transaction,
    }
    const user = await proven(server, provider, transaction, () => provider.user(answer))
    return finishLogin(server, event, transaction, user, null)
  })
}

function requireCode({ label }: ExternalProvider, code: string | undefined, error: string | undefined): string {
  if (error === "access_denied") throw new OAuthError("access_denied", `the person refused at ${label}`)
  if (error !== undefined || code === undefined) throw new OAuthError("server_error", `${label} answered with an error`)
  return code
}

async function proven<T extends string | User>(
  server: AuthorizationServer,
  { name, label }: ExternalProvider,
  { client_id }: Transaction,
  ask: () => Promise<T> | T,
): Promise<T> {
  try {
    return await ask()
  } catch (error) {
    if (!(error instanceof ProviderError)) throw error
    server.log.warning("oauth_login_failed", { provider: name, reason: error.fault, detail: error.message, client_id })
    throw new OAuthError("server_error", `sign-in with ${label} failed (${error.fault})`)
  }
}

function callbackUri({ issuer }: AuthorizationServer): string {
  return `${issuer}/callback`
}
