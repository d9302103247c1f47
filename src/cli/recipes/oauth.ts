import { type Recipe, argument, choice, optional, required } from "../recipe.ts"
import { listing } from "./listing.ts"
import { CliFailure } from "../failure.ts"

const group = "oauth"

const setup: Recipe = {
  name: "oauth-routes-setup",
  group,
  doc: "Verify and repair the OAuth host: certificate, paths, route records; --force resets changed records",
  parameters: [required("domain"), optional("token")],
  async run(session, args) {
    const token = await session.token(argument(args, "token"))
    const body = { oauth_domain: argument(args, "domain"), force: session.on("force") }
    const done = await session.call("setupOAuthRoutes", { token, body })
    const status = await session.call("getOAuthSetup", {
      token,
      query: { domain: done.body["oauth_domain"] as string },
    })
    const report = { ...done.body, status: status.body }
    session.show({ body: report, text: JSON.stringify(report) })
    const errors = done.body["errors"] as string[]
    if (done.body["success"] !== true) throw new CliFailure("apiError", errors.join("\n"))
  },
}

/** A recipe that shows what one operation answers. */
const showing = (
  name: string,
  doc: string,
  operationId: string,
  parameter?: readonly [recipe: string, path: string],
): Recipe => ({
  name,
  group,
  doc,
  parameters: parameter === undefined ? [] : [required(parameter[0])],
  async run(session, args) {
    const params = parameter === undefined ? {} : { [parameter[1]]: argument(args, parameter[0]) }
    session.show(await session.call(operationId, { params, token: await session.token("") }))
  },
})

const listClients: Recipe = {
  name: "oauth-clients-list",
  group,
  doc: "List OAuth clients",
  parameters: [choice("active-only", true)],
  async run(session, args) {
    const query = { active_only: argument(args, "active-only") }
    session.show(await session.list("listOAuthClients", "clients", { query, token: await session.token("") }))
  },
}

const clientTokens: Recipe = {
  name: "oauth-client-tokens",
  group,
  doc: "List the tokens that an OAuth client holds, never their values",
  parameters: [required("client-id")],
  async run(session, args) {
    const params = { client_id: argument(args, "client-id") }
    session.show(await session.list("listOAuthClientTokens", "tokens", { params, token: await session.token("") }))
  },
}

const listSessions = listing({
  name: "oauth-sessions-list",
  group,
  doc: "List what is signed in: clients that somebody allowed, and browsers",
  operationId: "listOAuthSessions",
  collection: "sessions",
})

const revokeSession: Recipe = {
  name: "oauth-session-revoke",
  group,
  doc: "End a session: its tokens are refused at once and its streams closed; asks first",
  parameters: [required("session-id")],
  async run(session, args) {
    const params = { session_id: argument(args, "session-id") }
    const token = await session.token("")
    const { body } = await session.call("getOAuthSession", { params, token })
    const { user, client_name, client_id } = body as Record<"user" | "client_name" | "client_id", string | null>
    await session.confirm(`${user} will be signed out of ${client_name ?? client_id ?? "a browser"}.`)
    await session.call("endOAuthSession", { params, token })
    session.terminal.error(`The session ${params.session_id} is ended.\n`)
  },
}

const cleanup: Recipe = {
  name: "oauth-tokens-cleanup",
  group,
  doc: "Remove expired tokens, refresh tokens of revoked grants and unused clients; asks first",
  parameters: [],
  async run(session) {
    const token = await session.token("")
    const { body } = await session.call("cleanOAuth", { token, query: { dry_run: true } })
    const count = (name: string) => Number(body[name])
    const plan = `${count("expired")} expired tokens, ${count("revoked_families")} revoked refresh tokens and ${count("unused_clients")} unused clients will be removed.`
    await session.confirm(plan)
    session.show(await session.call("cleanOAuth", { token, query: { dry_run: false } }))
  },
}

const health: Recipe = {
  name: "oauth-health",
  group,
  doc: "Try every part of the authorization server; fails unless it is healthy",
  parameters: [],
  async run(session) {
    const reply = await session.call("getOAuthHealth", { token: await session.token("") })
    session.show(reply)
    if (reply.body["status"] !== "healthy")
      throw new CliFailure("apiError", `${String(reply.body["status"])}: see the checks`)
  },
}

const proxyStatus: Recipe = {
  name: "oauth-proxy-status",
  group,
  doc: "Show how proxies are protected and used: one with its sessions, or all",
  parameters: [optional("hostname")],
  async run(session, args) {
    const token = await session.token("")
    const hostname = argument(args, "hostname").toLowerCase()
    const all = await session.list("listOAuthProxies", "proxies", { token })
    if (hostname === "") return session.show(all)
    const { body } = await session.list("listOAuthProxySessions", "sessions", { params: { hostname }, token })
    const row = (all.body["proxies"] as { hostname: string }[]).find((proxy) => proxy.hostname === hostname)
    const report = { ...row, sessions: body["sessions"] }
    return session.show({ body: report, text: JSON.stringify(report) })
  },
}

const rotateKey: Recipe = {
  name: "oauth-key-rotate",
  group,
  doc: "Make a new signing key: published now, signs in ten minutes; the old one goes when its last token has expired",
  parameters: [],
  async run(session) {
    const reply = await session.call("rotateOAuthKey", { token: await session.token("") })
    session.show(reply)
  },
}

/** Recipes about the authorization server. */
export const oauthRecipes: readonly Recipe[] = [
  setup,
  listClients,
  showing("oauth-client-show", "Show an OAuth client with its use", "getOAuthClient", ["client-id", "client_id"]),
  clientTokens,
  showing("oauth-client-stats", "Count what an OAuth client did in the last day", "getOAuthClientStats", [
    "client-id",
    "client_id",
  ]),
  showing("oauth-tokens-stats", "Count the issued tokens by client and user", "getOAuthTokens"),
  showing("oauth-token-show", "Show an issued token with its use, never its value", "getOAuthToken", ["jti", "jti"]),
  cleanup,
  listSessions,
  showing("oauth-session-show", "Show a session with its scopes, resources and addresses", "getOAuthSession", [
    "session-id",
    "session_id",
  ]),
  revokeSession,
  showing("oauth-metrics", "Count clients, tokens, flows and errors of the authorization server", "getOAuthMetrics"),
  health,
  proxyStatus,
  rotateKey,
]
