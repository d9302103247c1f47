import type { Caller } from "./caller.ts"
import type { Answer, Api, Call, Endpoint } from "./endpoint.ts"
import { H3, type H3Event, type NodeHandler, toNodeHandler } from "h3"
import { type RequestBudget, requestBudget } from "./request-budget.ts"
import { anonymous, authenticate } from "./authenticate.ts"
import { commonHeaders, problemResponse } from "./problem.ts"
import { entityTag, idempotencyKey, ifMatchVersion, noneMatch, reasonOf, viewTag } from "./preconditions.ts"
import { parseBody, parseParams, parseQuery } from "./validate.ts"
import type { EventSubscription } from "./event-subscriptions.ts"
import { type UpgradeHandler, eventSocket } from "./event-socket.ts"
import { openSubscription, streamEvents } from "./endpoints/event-stream.ts"
import { FastResponse } from "srvx"
import { GatehouseError } from "../errors.ts"
import { checkOrigin } from "./mcp/own-origin.ts"
import { addressBlock } from "../platform/rate-limit.ts"
import { type TokensByHash, tokensByHash } from "../projections/tokens-by-hash.ts"
import { apiVersion, endpoints } from "./endpoint-table.ts"
import { largeBodies } from "./endpoint.ts"
import { jsonBody } from "./json-body.ts"
import { type Arrival, mcpEndpoint } from "./mcp/mcp-endpoint.ts"
import { patience } from "./write.ts"
import { randomUUID } from "node:crypto"
import { resourceAddress } from "./resource-address.ts"
import { webPages } from "./web-pages.ts"

/** What the listener in front of the app decides. */
export interface AppOptions {
  /** Client's address; by default that of the connection. */
  readonly address?: (request: Request) => string | undefined
  /** Requests per minute of one address. */
  readonly perMinute?: number
}

interface Host {
  readonly api: Api
  readonly tokens: TokensByHash
  readonly budget: RequestBudget
  readonly address: (request: Request) => string | undefined
}

/** The admin API and its web page, for a node server. */
export interface AdminApp {
  readonly handler: NodeHandler
  /** Handshakes at {@link eventStreamPath}; all others are the caller's to refuse. */
  readonly upgrade: UpgradeHandler
}

/** The admin API and its web page, bound to a node server. */
export function apiApp(api: Api, options: AppOptions = {}): AdminApp {
  const host = hostOf(api, options)
  return {
    handler: toNodeHandler(apiRouter(api, options)),
    upgrade: eventSocket({
      open: (request, ip) => openFor(request, { ...host, address: () => ip }),
      stallMs: api.config.EVENT_STREAM_STALL * 1000,
      log: api.log,
    }),
  }
}

/** The subscription of a handshake, under every check of the endpoint, or the refusal. */
async function openFor(request: Request, host: Host): Promise<EventSubscription | Response> {
  const requestId = randomUUID()
  try {
    checkOrigin(request, host.api.config.ADMIN_HOSTS)
    const arrival = { req: request, url: new URL(request.url), context: {} } as unknown as Arrival
    return await openSubscription(await readCall(streamEvents, arrival, requestId, host))
  } catch (error) {
    return problemResponse(error, requestId, host.api.log)
  }
}

function hostOf(
  api: Api,
  { address = (request) => (request as { ip?: string }).ip, perMinute = 600 }: AppOptions,
): Host {
  return {
    api,
    address,
    tokens: tokensByHash(api.projections),
    budget: requestBudget(perMinute, () => performance.now()),
  }
}

/** The same before it is bound to a server: request in, response out. */
function apiRouter(api: Api, options: AppOptions = {}): H3 {
  const host = hostOf(api, options)
  const app = new H3({
    silent: true,
    onRequest: ({ url }) => void Object.assign(url, resourceAddress(url.pathname, url.search)),
    onError: (error) => problemResponse(error, randomUUID(), api.log),
  })
  for (const [path, group] of Map.groupBy(endpoints, ({ path }) => path)) mount(app, path, group, host)
  const respondFrom = (ip: string | undefined, endpoint: Endpoint, arrival: Arrival) =>
    respond(endpoint, arrival, { ...host, address: () => ip })
  app.all("/mcp", mcpEndpoint({ ...host, endpoints, version: apiVersion, respond: respondFrom }))
  for (const [path, page] of webPages()) app.on("GET", path, page)
  return app
}

/** All methods of one path. A trailing slash is the same path; h3's router sees to that. */
function mount(app: H3, path: string, group: readonly Endpoint[], host: Host): void {
  const route = path.replaceAll(/\{(\w+)\}/g, ":$1")
  const allow = group.flatMap(({ method }) => (method === "GET" ? ["GET", "HEAD"] : [method])).concat("OPTIONS")
  for (const endpoint of group) {
    const handler = (event: H3Event) => respond(endpoint, event, host)
    app.on(endpoint.method, route, handler)
    if (endpoint.method === "GET") app.on("HEAD", route, handler)
  }
  app.on(
    "OPTIONS",
    route,
    () => new Response(null, { status: 204, headers: { ...commonHeaders, allow: allow.join(", ") } }),
  )
  app.all(route, ({ req }) => {
    const error = new GatehouseError("method_not_allowed", `${req.method.slice(0, 20)} is not allowed here`, { allow })
    return problemResponse(error, randomUUID(), host.api.log)
  })
}

async function respond(endpoint: Endpoint, event: Arrival, host: Host): Promise<Response> {
  const requestId = randomUUID()
  try {
    const call = await readCall(endpoint, event, requestId, host)
    return await success(endpoint, await endpoint.handler(call), call, event.req)
  } catch (error) {
    return problemResponse(error, requestId, host.api.log)
  }
}

/** Everything that is checked before a handler runs, cheapest first and nothing of the body before the caller is known. */
async function readCall(
  endpoint: Endpoint,
  event: Arrival,
  requestId: string,
  host: Host,
): Promise<Call<never, never, never>> {
  const { req, url } = event
  const { api } = host
  const ip = host.address(req)
  const caller = identify(endpoint, req, ip, host)
  if (endpoint.who === "admin" && !caller.admin) throw new GatehouseError("admin_required")
  const query = new URLSearchParams(url.search)
  if (endpoint.method === "GET") await atPosition(query, api)
  return {
    api,
    caller,
    requestId,
    ip,
    params: parseParams(endpoint, event.context.params ?? {}) as never,
    query: parseQuery(endpoint, query) as never,
    body: parseBody(
      endpoint,
      endpoint.method === "GET" ? undefined : await jsonBody(req, mostOf(endpoint, api)),
    ) as never,
    reason: reasonOf(req.headers.get("x-reason")),
    idempotencyKey: endpoint.method === "GET" ? undefined : idempotencyKey(req.headers.get("idempotency-key")),
    ifMatch: endpoint.method === "GET" ? undefined : ifMatchVersion(req.headers.get("if-match")),
    passphrase: endpoint.passphrase === true ? (req.headers.get("x-passphrase") ?? undefined) : undefined,
    lastEventId: req.headers.get("last-event-id") ?? undefined,
    // Made only for who asks for it.
    get signal() {
      return req.signal
    },
  }
}

/** Bytes that a body may have. */
function mostOf({ largeBody }: Endpoint, { config }: Api): number {
  return config.API_MAX_BODY_BYTES * (largeBody === true ? largeBodies : 1)
}

function identify(endpoint: Endpoint, req: Request, ip: string | undefined, { api, tokens, budget }: Host): Caller {
  const authorization = req.headers.get("authorization")
  if (endpoint.unlimited !== true) budget.take(addressBlock(ip ?? ""))
  if (endpoint.who !== "public") return authenticate(authorization, tokens, api.projections)
  try {
    return authenticate(authorization, tokens, api.projections)
  } catch (error) {
    if (error instanceof GatehouseError) return anonymous
    throw error
  }
}

/** `min_position`: the answer must know the log up to there. @throws GatehouseError `projection_behind` */
async function atPosition(query: URLSearchParams, { projections }: Api): Promise<void> {
  const text = query.get("min_position")
  query.delete("min_position")
  if (text === null) return
  const message = "must be a whole number"
  if (!/^\d{1,15}$/.test(text))
    throw new GatehouseError("validation_failed", undefined, { errors: [{ path: "min_position", message }] })
  if (await projections.reached(Number(text), patience)) return
  throw new GatehouseError("projection_behind", `this node is at position ${projections.world.position}`, {
    retryAfter: 1,
  })
}

/** The response is of the kind of the server layer under h3, which writes it as it is; one of the platform is read back as a stream. */
async function success(endpoint: Endpoint, answer: Answer, call: Call, req: Request): Promise<Response> {
  const { version, position } = answer
  const text = answer.text ?? (answer.body === undefined ? "" : JSON.stringify(answer.body))
  const read = endpoint.method === "GET"
  const tag = version === undefined ? undefined : read ? viewTag(version, text) : entityTag(version)
  const headers: Record<string, string> = {
    ...commonHeaders,
    "content-type": "application/json",
    // Views change with other objects and with time: a cache has to ask each time.
    "cache-control": answer.secret === true ? "no-store" : "private, no-cache",
    "x-request-id": call.requestId,
    ...(endpoint.who !== "public" && { "x-event-position": String(position ?? call.api.projections.world.position) }),
    ...(tag !== undefined && { etag: tag }),
    ...answer.headers,
  }
  if (read && tag !== undefined && noneMatch(req.headers.get("if-none-match"), tag)) {
    delete headers["content-type"]
    return new FastResponse(null, { status: 304, headers })
  }
  const status = answer.status ?? endpoint.status
  if (status === 204) {
    delete headers["content-type"]
    return new FastResponse(null, { status, headers })
  }
  if (answer.stream !== undefined) {
    if (req.method !== "HEAD") return new FastResponse(answer.stream, { status, headers })
    // Nobody would read it, and nobody end it (RFC 9110 §9.3.2).
    await answer.stream.cancel()
    return new FastResponse(null, { status, headers })
  }
  headers["content-length"] = String(Buffer.byteLength(text))
  return new FastResponse(text, { status, headers })
}
