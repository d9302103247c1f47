import type { Api, Endpoint } from "../endpoint.ts"
import { commonHeaders, problemResponse } from "../problem.ts"
import type { H3Event } from "h3"
import type { RequestBudget } from "../request-budget.ts"
import type { RestRequest } from "./rest-request.ts"
import type { TokensByHash } from "../../projections/tokens-by-hash.ts"
import { addressBlock } from "../../platform/rate-limit.ts"
import { authenticate } from "../authenticate.ts"
import { checkOrigin } from "./own-origin.ts"
import { once } from "../once.ts"
import { randomUUID } from "node:crypto"

/** What the REST side reads of a request: the router's event, or what a tool makes. */
export type Arrival = Pick<H3Event, "req" | "url"> & { readonly context: Pick<H3Event["context"], "params"> }

/** What the MCP endpoint shares with the REST side. */
export interface McpHost {
  readonly api: Api
  readonly tokens: TokensByHash
  readonly budget: RequestBudget
  readonly address: (request: Request) => string | undefined
  readonly endpoints: readonly Endpoint[]
  readonly version: string
  /** The way of a REST request behind the router. */
  readonly respond: (ip: string | undefined, endpoint: Endpoint, arrival: Arrival) => Promise<Response>
}

/** Handler of `/mcp`. It wants the same bearer token as the REST API, and passes it on with each call of a tool. */
export function mcpEndpoint({ api, tokens, budget, address, endpoints, version, respond }: McpHost) {
  // With the first request, not with the node: few installations are managed by MCP.
  const server = once(async () => {
    const { mcpServer } = await import("./mcp-server.ts")
    return mcpServer({
      endpoints,
      version,
      maxBody: api.config.API_MAX_BODY_BYTES,
      log: api.log,
      rest: ({ request, ip }, endpoint, asked) => respond(ip, endpoint, arrival(request, endpoint, asked)),
    })
  })
  return async ({ req }: H3Event): Promise<Response> => {
    const requestId = randomUUID()
    try {
      const ip = address(req)
      budget.take(addressBlock(ip ?? ""))
      checkOrigin(req, api.config.ADMIN_HOSTS)
      const caller = authenticate(req.headers.get("authorization"), tokens, api.projections)
      const answer = await server()
      const { status, headers, body } = await answer({ request: req, caller, ip })
      const common = {
        ...commonHeaders,
        "cache-control": "no-store",
        "x-request-id": requestId,
        // The rest of the body is not read: the connection cannot be used again.
        ...(status === 413 && { connection: "close" }),
      }
      return new Response(body, { status, headers: { ...Object.fromEntries(headers), ...common } })
    } catch (error) {
      return problemResponse(error, requestId, api.log)
    }
  }
}

function arrival(outer: Request, endpoint: Endpoint, { params, query, headers, body }: RestRequest): Arrival {
  const url = new URL(`${endpoint.path}?${query.toString()}`, outer.url)
  const req = new Request(url, {
    method: endpoint.method,
    headers: {
      ...headers,
      authorization: outer.headers.get("authorization")!,
      ...(body !== undefined && { "content-type": "application/json" }),
    },
    body: body ?? null,
    signal: outer.signal,
  })
  return { req: req as Arrival["req"], url, context: { params } }
}
