import { type AuthorizationServer, type Handler } from "./authorization-server.ts"
import { GithubError, type GithubAccount, type GroupWish, github } from "./github.ts"
import {
  type Transaction,
  expired,
  lifetime,
  peekTransaction,
  requireSameBrowser,
  takeTransaction,
} from "./transaction.ts"
import { answering, seeOther } from "./authorization-response.ts"
import { findResource, protectedProxies } from "./requested-resource.ts"
import { OAuthError, PageError } from "./oauth-error.ts"
import { challengeOf } from "./pkce.ts"
import { finishLogin } from "./completion.ts"
import { providers } from "./providers.ts"
import { queryParameters } from "./parameters.ts"
import { randomSecret } from "../platform/ids.ts"
import type { User } from "./user.ts"

/** What waits for GitHub's answer under its `state`. */
interface PendingLogin {
  readonly transaction: string
  /** Of our own PKCE towards GitHub. */
  readonly verifier: string
}

const mostGroups = 100
const mostGroupBytes = 4096

/** `GET /login/github`: chosen on the login page. */
export const chooseGithub: Handler = async (server, event) => {
  if (!providers(server).some(({ name }) => name === "github"))
    throw new PageError(404, "provider_off", "Not offered", "Sign-in with GitHub is switched off.")
  const transaction = await peekTransaction(server, "login", queryParameters(event).get("transaction"))
  requireSameBrowser(transaction, event)
  return startGithubLogin(server, transaction)
}

/** Sends the browser to GitHub with a `state` that only it can bring back. */
export async function startGithubLogin(server: AuthorizationServer, transaction: Transaction): Promise<Response> {
  const state = randomSecret()
  const pending: PendingLogin = { transaction: transaction.id, verifier: randomSecret() }
  await server.ttl.put("state", state, pending, lifetime(server))
  const challenge = challengeOf(pending.verifier)
  const wish = groupWish(server, transaction)
  const provider = github(server.config, server.fetch)
  return seeOther(provider.authorizationUrl(state, challenge, callbackUri(server), wish, transaction.login_hint))
}

/**
 * `GET /callback`: GitHub's answer. A state that is unknown, used, too old or another browser's ends in a page: nothing in the
 * query says where else to go.
 */
export const callback: Handler = async (server, event) => {
  const query = queryParameters(event)
  const state = query.get("state")
  const pending = (state === undefined ? undefined : await server.ttl.take("state", state)) as PendingLogin | undefined
  if (pending === undefined) throw expired()
  const waiting = await peekTransaction(server, "login", pending.transaction)
  requireSameBrowser(waiting, event)
  const transaction = await takeTransaction(server, "login", waiting.id)
  return answering(server, transaction, async () => {
    query.requireSingle("code", "state", "error")
    const code = requireCode(query.get("code"), query.get("error"))
    const wish = groupWish(server, transaction)
    const account = await proven(server, transaction, () =>
      github(server.config, server.fetch).account(code, pending.verifier, callbackUri(server), wish),
    )
    return finishLogin(server, event, transaction, githubUser(server, account), null)
  })
}

function requireCode(code: string | undefined, error: string | undefined): string {
  if (error === "access_denied") throw new OAuthError("access_denied", "the person refused at GitHub")
  if (error !== undefined || code === undefined) throw new OAuthError("server_error", "GitHub answered with an error")
  return code
}

async function proven<T>(server: AuthorizationServer, { client_id }: Transaction, ask: () => Promise<T>): Promise<T> {
  try {
    return await ask()
  } catch (error) {
    if (!(error instanceof GithubError)) throw error
    server.log.warning("oauth_login_failed", {
      provider: "github",
      reason: error.fault,
      detail: error.message,
      client_id,
    })
    throw new OAuthError("server_error", `sign-in with GitHub failed (${error.fault})`)
  }
}

function githubUser(server: AuthorizationServer, account: GithubAccount): User {
  return {
    provider: "github",
    subject: `github-${account.id}`,
    username: account.login,
    name: account.name || null,
    email: account.email,
    emailVerified: account.email !== null,
    groups: cappedGroups(server, account.groups),
    authTime: Math.floor(server.clock().getTime() / 1000),
  }
}

/** Organisations and teams are asked for only where a rule of the requested resources needs them. */
function groupWish(server: AuthorizationServer, { resources }: Transaction): GroupWish {
  const rules = resources.flatMap((uri) => findResource(server, uri)?.proxy.auth?.auth_required_groups ?? [])
  const named = rules.filter((group) => group !== "*")
  return {
    organisations: named.some((group) => !group.includes("/")),
    teams: named.some((group) => group.includes("/")),
  }
}

/** A token has to fit into a header: of very many groups only those stay that some rule names. */
function cappedGroups(server: AuthorizationServer, groups: readonly string[]): readonly string[] {
  if (groups.length <= mostGroups && groups.join().length <= mostGroupBytes) return groups
  const named = new Set(
    protectedProxies(server).flatMap(({ auth }) =>
      (auth?.auth_required_groups ?? []).map((group) => group.toLowerCase()),
    ),
  )
  return groups.filter((group) => named.has(group.toLowerCase())).slice(0, mostGroups)
}

function callbackUri({ issuer }: AuthorizationServer): string {
  return `${issuer}/callback`
}
