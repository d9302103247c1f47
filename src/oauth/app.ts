import type { AuthorizationServer, AuthorizationServerParts, Handler } from "./authorization-server.ts"
import type { AddressedRequest } from "./outcome.ts"
import { H3, type H3Event, toNodeHandler } from "h3"
import type { IncomingMessage, ServerResponse } from "node:http"
import { GatehouseError, problem } from "../errors.ts"
import { callback, chooseProvider } from "./login-provider.ts"
import { deleteClient, readClient, replaceClient } from "./client-configuration.ts"
import { loginLocally } from "./login.ts"
import { type RenewCookie, browserRenewal } from "./browser-renewal.ts"
import { accessTokens } from "../projections/access-token.ts"
import { authorize } from "./authorize.ts"
import { browserCookies } from "../projections/browser-cookie.ts"
import { decide } from "./consent.ts"
import { askLogout, logout } from "./logout.ts"
import { authorizeDevice } from "./device-authorization.ts"
import { documentFetch } from "./document-fetch.ts"
import { enterUserCode, showDevice } from "./device-verification.ts"
import { errorAnswer } from "./error-answer.ts"
import { hostApp } from "./host-app.ts"
import { openLogin } from "./host-login.ts"
import { home } from "./home.ts"
import { githubListed } from "./user.ts"
import { introspect } from "./introspect.ts"
import { jwks } from "./jwks.ts"
import { metadata } from "./metadata.ts"
import { noCounters } from "../platform/counters.ts"
import { githubOn } from "./github.ts"
import { oidc } from "./oidc.ts"
import { proofNonces } from "../projections/dpop-nonce.ts"
import { randomUUID } from "node:crypto"
import { rateLimiter } from "../platform/rate-limit.ts"
import { refreshKey } from "./refresh-token.ts"
import { register } from "./register.ts"
import { revoke } from "./revoke.ts"
import { revokeOwnGrant, showAccount } from "./account.ts"
import { signingKeys } from "./signing-keys.ts"
import { type Outcome, noteOutcome, outcomeOf } from "./outcome.ts"
import { codeOf, tallyRequest } from "./tally.ts"
import { token } from "./token.ts"
import { trustedIssuers } from "./trusted-issuer.ts"
import { tokensByHash } from "../projections/tokens-by-hash.ts"
import { reason } from "../platform/log.ts"
import { verify } from "./verify.ts"
import { withNonce } from "./dpop.ts"

/** One path of the authorization server. */
interface Endpoint {
  readonly path: string
  /** `page` answers people in a browser, `json` answers programs, from any origin, and `proxy` answers other proxies. */
  readonly kind: "page" | "json" | "proxy"
  readonly methods: Readonly<Partial<Record<Method, Handler>>>
}

type Method = "GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE" | "OPTIONS"

const endpoints: readonly Endpoint[] = [
  { path: "/", kind: "page", methods: { GET: home } },
  { path: "/.well-known/oauth-authorization-server", kind: "json", methods: { GET: metadata } },
  { path: "/.well-known/openid-configuration", kind: "json", methods: { GET: metadata } },
  { path: "/.well-known/jwks.json", kind: "json", methods: { GET: jwks } },
  { path: "/jwks", kind: "json", methods: { GET: jwks } },
  { path: "/register", kind: "json", methods: { POST: register } },
  {
    path: "/register/:client_id",
    kind: "json",
    methods: { GET: readClient, PUT: replaceClient, DELETE: deleteClient },
  },
  { path: "/authorize", kind: "page", methods: { GET: authorize, POST: authorize } },
  { path: "/consent", kind: "page", methods: { POST: decide } },
  { path: "/login", kind: "page", methods: { GET: openLogin, POST: loginLocally } },
  { path: "/login/github", kind: "page", methods: { GET: chooseProvider("github") } },
  { path: "/login/oidc", kind: "page", methods: { GET: chooseProvider("oidc") } },
  { path: "/callback", kind: "page", methods: { GET: callback } },
  { path: "/logout", kind: "page", methods: { GET: askLogout, POST: logout } },
  { path: "/account", kind: "page", methods: { GET: showAccount, POST: revokeOwnGrant } },
  { path: "/device_authorization", kind: "json", methods: { POST: authorizeDevice } },
  { path: "/device", kind: "page", methods: { GET: showDevice, POST: enterUserCode } },
  { path: "/token", kind: "json", methods: { POST: token } },
  { path: "/revoke", kind: "json", methods: { POST: revoke } },
  { path: "/introspect", kind: "json", methods: { POST: introspect } },
  {
    path: "/verify",
    kind: "proxy",
    // Some proxies ask with the method of the original request: whatever it is, it is judged.
    methods: { GET: verify, HEAD: verify, POST: verify, PUT: verify, PATCH: verify, DELETE: verify, OPTIONS: verify },
  },
]

/** On every answer. The edge terminated TLS; plain HTTP is not served here. */
const commonHeaders = {
  "strict-transport-security": "max-age=31536000",
  "x-content-type-options": "nosniff",
  "referrer-policy": "no-referrer",
} as const

/** What the edge knows of a request, and where what it came to is taken. */
export interface OAuthCaller {
  readonly address: string
  readonly requestId?: string
  readonly note?: (outcome: Outcome) => void
}

/** The authorization server of one OAuth host. */
export interface OAuthApp {
  /** Answers a request whose host is the OAuth host; the edge tells the client's address. */
  readonly handler: (request: IncomingMessage, response: ServerResponse, caller?: OAuthCaller) => void
  /** Answers `/.gatehouse/` on proxied hosts that take a cookie. */
  readonly hostLogin: OAuthApp["handler"]
  readonly renewCookie: RenewCookie
  /** Sees to it that there is a signing key; to be awaited before the first request. @throws ConfigError, GatehouseError */
  ensureSigningKey(): Promise<void>
}

/** Puts the authorization server together. */
export function oauthApp(parts: AuthorizationServerParts): OAuthApp {
  const now = () => parts.clock().getTime()
  const { config } = parts
  const issuer = `https://${config.oauthAuthority}`
  const hosts = { allowedHosts: config.OAUTH_CIMD_ALLOWED_HOSTS, deniedHosts: config.OAUTH_CIMD_DENIED_HOSTS }
  const server: AuthorizationServer = {
    ...parts,
    issuer,
    crash: parts.crash ?? (() => undefined),
    trusts: parts.trusts ?? (() => false),
    fetch: parts.fetch ?? fetch,
    documents: parts.documents ?? documentFetch({ issuer, ...hosts }),
    counters: parts.counters ?? noCounters,
    oidc: config.OIDC_ISSUER === undefined ? undefined : oidc(config, parts.fetch ?? fetch, now),
    trustedIssuers: trustedIssuers(config.OAUTH_TRUSTED_ISSUERS, parts.fetch ?? fetch, now),
    limiter: rateLimiter(parts.ttl, now),
    signingKeys: signingKeys(parts),
    tokensByHash: tokensByHash(parts.projections),
    accessTokens: accessTokens({ world: () => parts.projections.world, now }),
    browserCookies: browserCookies(() => parts.projections.world, now),
    proofNonces: config.OAUTH_DPOP_NONCE_REQUIRED ? proofNonces(config.MASTER_KEY, now) : undefined,
    refreshKey: refreshKey(config.MASTER_KEY),
  }
  warnOfAllowList(server)
  const app = new H3({ silent: true, onError: () => dressed(problemAnswer("bad_request"), true) })
  for (const endpoint of endpoints) app.all(endpoint.path, (event) => answer(server, endpoint, event))
  app.all("/**", () => dressed(problemAnswer("not_found"), true))
  return {
    handler: nodeHandler(app, parts.log),
    hostLogin: nodeHandler(hostApp(server), parts.log),
    renewCookie: browserRenewal(server),
    ensureSigningKey: () => server.signingKeys.ensure(),
  }
}

function nodeHandler(app: H3, log: AuthorizationServerParts["log"]): OAuthApp["handler"] {
  const handle = toNodeHandler(app)
  return (request: AddressedRequest, response, caller) => {
    if (caller !== undefined) {
      request.clientAddress = caller.address
      if (caller.requestId !== undefined) request.requestId = caller.requestId
      if (caller.note !== undefined) request.note = caller.note
    }
    // What is left of a body that was given up stands before any further request.
    const { socket } = request
    response.once("finish", () => {
      if (request.destroyed && !request.complete) socket.destroySoon()
    })
    const answered = (async () => handle(request, response))()
    answered.catch((error: unknown) => {
      log.error("oauth_answer_failed", { error: reason(error) })
      response.destroy()
    })
  }
}

/** An allow-list that lets nobody or everybody in is rarely meant. */
function warnOfAllowList(server: AuthorizationServer): void {
  if (server.oidc !== undefined && server.config.OIDC_ALLOWED_USERS.length === 0)
    server.log.warning("oidc_login_allows_nobody", { variable: "OIDC_ALLOWED_USERS" })
  if (!githubOn(server.config)) return
  const list = server.config.OAUTH_ALLOWED_GITHUB_USERS
  if (list === undefined) server.log.warning("github_login_allows_nobody", { variable: "OAUTH_ALLOWED_GITHUB_USERS" })
  else if (githubListed(list, "*"))
    server.log.warning("github_login_allows_everybody", { variable: "OAUTH_ALLOWED_GITHUB_USERS" })
}

async function answer(server: AuthorizationServer, endpoint: Endpoint, event: H3Event): Promise<Response> {
  const open = endpoint.kind === "json"
  try {
    const response = await dispatch(server, endpoint, event)
    tallyRequest(server, endpoint.path)
    noteOutcome(event, outcomeOf(response))
    return withNonce(server, event, dressed(response, open))
  } catch (error) {
    tallyRequest(server, endpoint.path, error)
    noteOutcome(event, { reason: codeOf(error), ...outcomeOf(error) })
    return withNonce(
      server,
      event,
      dressed(errorAnswer(server, endpoint.kind === "page" ? "page" : "json", event, error), open),
    )
  }
}

function dispatch(
  server: AuthorizationServer,
  { kind, methods }: Endpoint,
  event: H3Event,
): Promise<Response> | Response {
  const method = event.req.method
  if (method === "OPTIONS" && kind === "json") return preflight(Object.keys(methods))
  // A HEAD is a GET whose body the server leaves out; on pages a GET may start something, so there it is not one.
  const handler = methods[(method === "HEAD" && kind === "json" ? "GET" : method) as keyof typeof methods]
  if (handler !== undefined) return handler(server, event)
  throw new GatehouseError("method_not_allowed", undefined, {
    allow: [...Object.keys(methods), ...(kind === "json" ? ["OPTIONS"] : [])],
  })
}

/** CORS preflight (Fetch §3.2.2): no credentials, so every origin may. */
function preflight(methods: readonly string[]): Response {
  return new Response(null, {
    status: 204,
    headers: {
      "access-control-allow-methods": methods.join(", "),
      "access-control-allow-headers": "authorization, content-type, accept, mcp-protocol-version, dpop",
      "access-control-max-age": "600",
    },
  })
}

function problemAnswer(code: "not_found" | "bad_request"): Response {
  const body = problem(code, undefined, randomUUID())
  return Response.json(body, {
    status: body["status"] as number,
    headers: { "content-type": "application/problem+json" },
  })
}

function dressed(response: Response, open: boolean): Response {
  for (const [name, value] of Object.entries(commonHeaders)) response.headers.set(name, value)
  if (open) {
    response.headers.set("access-control-allow-origin", "*")
    response.headers.set("access-control-expose-headers", "WWW-Authenticate, Retry-After, DPoP-Nonce")
  }
  return response
}
