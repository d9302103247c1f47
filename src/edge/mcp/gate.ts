import { type AnswerParts, bindingOf, shapeAnswer } from "./answers.ts"
import { type McpBody, readBody } from "./message.ts"
import { type McpExchange, mcpLog, newMcpExchange } from "./exchange.ts"
import {
  type McpHeaders,
  eraOfRequest,
  headerMismatch,
  protocolFault,
  readMcpHeaders,
  versionFault,
} from "./protocol.ts"
import { asksForList, operationsOf } from "./operations.ts"
import { callerOf, judgeAll } from "./policy-check.ts"
import { isJson, isPlain } from "./media-type.ts"
import { refuseCode, refusePolicy, refuseProtocol, refuseSession } from "./refusal.ts"
import type { Exchange } from "../exchange.ts"
import type { Guard } from "../guard.ts"
import type { Hosts } from "../../projections/hosts.ts"
import type { ResourceProxy } from "../../projections/resource.ts"
import type { ResponseHead } from "../response-parser.ts"
import { bodyReader } from "./body-reader.ts"
import { heldBytes } from "./held-bytes.ts"
import { hidesAnything } from "../../projections/mcp-policy.ts"
import { isMcpEndpoint } from "../../projections/mcp-endpoint.ts"
import { paramFault } from "./param-headers.ts"
import { sessionIds } from "./session-ids.ts"
import { toolSchemas } from "./tool-schemas.ts"
import { withChanged } from "./answer-shape.ts"

/** Judges requests on MCP endpoints behind the guard and before their backend. */
export interface McpGate {
  /** Is the request for the MCP endpoint of its proxy? */
  concerns(proxy: ResourceProxy, path: string): boolean
  /**
   * Judges a request and lets it go on, at once or when its body is here. What does not pass is answered.
   * @param onward sends it to its backend; the body, if there is one, is then in `exchange.held`
   */
  take(exchange: Exchange, proxy: ResourceProxy, onward: () => void): void
  /** Shapes the answer of the backend; see `shapeAnswer`. */
  shape(
    exchange: Exchange,
    mcp: McpExchange,
    head: ResponseHead,
    headers: readonly string[],
  ): readonly string[] | undefined
  /** Would the policy of today let this request pass? Asked for running streams. */
  stillAllowed(exchange: Exchange, proxy: ResourceProxy): boolean
  /** The exchange is over. */
  release(exchange: Exchange): void
}

/** What the gate works with. */
export interface McpGateParts {
  readonly guard: Guard
  readonly hosts: Hosts
  readonly publicHttpsPort: number
  /** 32 bytes; session ids are bound with a key that is derived from it. */
  readonly masterKey: Buffer
  /** Bytes of requests and answers together that are held until they are judged. */
  readonly mostHeld: number
}

/** Answers a request that does not pass; undefined for one that does. */
type Refuse = (() => void) | undefined

const defaultMaxBody = 4 * 1024 * 1024

/** The gate of one edge. */
export function mcpGate({ guard, hosts, publicHttpsPort, masterKey, mostHeld }: McpGateParts): McpGate {
  const held = heldBytes(mostHeld)
  const reader = bodyReader(held)
  const caller = ({ identity }: Exchange, proxy: ResourceProxy) =>
    callerOf(identity === null ? undefined : guard.claims(identity), proxy)
  const parts: AnswerParts = { hosts, caller, sessions: sessionIds(masterKey), schemas: toolSchemas(), held }

  function take(exchange: Exchange, proxy: ResourceProxy, onward: () => void): void {
    const { mcp } = proxy
    if (mcp === null) return onward()
    const { scan, rawHeaders, method } = exchange
    const headers = readMcpHeaders(rawHeaders)
    exchange.mcp = newMcpExchange(eraOfRequest(headers))
    // Answers differ by Origin, also where there is none, and the backend's own CORS headers give way.
    exchange.cors ??= varyByOrigin
    // What a WebSocket carries cannot be judged.
    if (exchange.upgrade !== undefined && mcp.mcp_policy !== undefined)
      return refuseCode(exchange, "forbidden", { reason: "mcp_upgrade" })
    if (method !== "POST") {
      // A backend that does not look at the method would take it for a message that nobody judged.
      if (scan.chunked || Number(scan.contentLength) > 0)
        return refuseCode(exchange, "bad_request", { message: "Only POST carries a message." })
      const fault =
        headers.repeated === undefined
          ? versionFault(headers.version, mcp.mcp_versions)
          : { code: headerMismatch, message: `Header mismatch: ${headers.repeated} stands twice` }
      if (fault !== undefined) return refuseProtocol(exchange, fault)
      exchange.mcp.lists = method === "GET" && exchange.mcp.era === "legacy"
      const refuse = prepare(exchange, exchange.mcp, headers, proxy)
      if (refuse !== undefined) return refuse()
      if (exchange.rawHeaders !== rawHeaders) rejudge(exchange)
      return onward()
    }
    if (!isJson(rawHeaders))
      return refuseCode(exchange, "unsupported_media_type", { message: "The body must be application/json in UTF-8." })
    if (!isPlain(rawHeaders))
      return refuseCode(exchange, "unsupported_media_type", { message: "The body must come without a content coding." })
    reader.read(
      exchange,
      mcp.mcp_max_body ?? defaultMaxBody,
      (bytes) => {
        const body = readBody(bytes)
        const fault = "code" in body ? body : protocolFault(headers, body, mcp.mcp_versions)
        if (fault !== undefined) return refuseProtocol(exchange, fault)
        const refuse = judge(exchange, exchange.mcp!, headers, body as McpBody)
        if (refuse !== undefined) return refuse()
        rejudge(exchange)
        hold(exchange, bytes)
        onward()
      },
      (code) => refuseCode(exchange, code),
    )
  }

  /** By the settings of this moment: while the body came they may have changed. @returns what refuses it, if it does not pass */
  function judge(exchange: Exchange, mcp: McpExchange, headers: McpHeaders, { messages, batch }: McpBody): Refuse {
    const proxy = hosts.get(exchange.hostname)?.proxy
    const first = messages[0]!
    mcp.id = batch ? undefined : first.id
    if (proxy?.enabled !== true || (exchange.identity !== null && !guard.stillAllowed(proxy, exchange.identity)))
      return () => refuseCode(exchange, "forbidden", { reason: "no_longer_allowed" })
    const policy = proxy.mcp?.mcp_policy
    const found = messages.map(operationsOf)
    const unclear = found.find((each) => "code" in each)
    if (policy !== undefined && unclear !== undefined && "code" in unclear)
      return () => refuseProtocol(exchange, { ...unclear, id: mcp.id })
    mcp.operations = found.flatMap((each) => ("code" in each ? [] : each))
    mcp.lists = messages.some(asksForList)
    const decided = policy === undefined ? undefined : judgeAll(policy, mcp.operations, caller(exchange, proxy))
    mcp.log = mcpLog(first.method, decided?.operation ?? mcp.operations[0], decided?.verdict.rule)
    if (decided !== undefined && decided.verdict.type !== "allowed")
      return () => refusePolicy(exchange, proxy, publicHttpsPort, decided)
    const wrong = mcp.era === "modern" ? schemaFault(mcp, headers, proxy, first) : undefined
    if (wrong !== undefined) {
      const message = `Header mismatch: ${wrong}`
      return () => refuseProtocol(exchange, { code: headerMismatch, message, id: mcp.id })
    }
    return prepare(exchange, mcp, headers, proxy)
  }

  /** Notes where a list's tools are to be remembered, and compares the headers of a call with what is remembered. */
  function schemaFault(
    mcp: McpExchange,
    headers: McpHeaders,
    proxy: ResourceProxy,
    { method, params }: McpBody["messages"][number],
  ): string | undefined {
    const place = `${proxy.hostname} ${proxy.target_url}`
    if (method === "tools/list") mcp.schemaPlace = place
    const [operation] = mcp.operations
    const declared =
      method === "tools/call" && operation !== undefined ? parts.schemas.of(place, operation.name) : undefined
    return declared && paramFault(declared, params["arguments"], headers.params)
  }

  /** Headers as the backend gets them. @returns what refuses the request when its session is not this caller's */
  function prepare(exchange: Exchange, mcp: McpExchange, { sessionId }: McpHeaders, proxy: ResourceProxy): Refuse {
    if (sessionId !== undefined) {
      const own = mcp.era === "modern" ? undefined : parts.sessions.unwrap(sessionId, bindingOf(exchange))
      if (own === undefined && mcp.era === "legacy") return () => refuseSession(exchange, "mcp_foreign_session")
      mcp.session = own !== undefined
      exchange.rawHeaders = withChanged(exchange.rawHeaders, "mcp-session-id", () => own)
    }
    const policy = proxy.mcp?.mcp_policy
    // A coded answer could not be looked into.
    if (mcp.lists && policy !== undefined && hidesAnything(policy, caller(exchange, proxy)))
      exchange.rawHeaders = withChanged(exchange.rawHeaders, "accept-encoding", () => undefined)
    return undefined
  }

  function stillAllowed(exchange: Exchange, proxy: ResourceProxy): boolean {
    if (exchange.mcp === undefined) return true
    if (!isMcpEndpoint(proxy, exchange.path)) return false
    const policy = proxy.mcp?.mcp_policy
    if (policy === undefined) return true
    const { operations, lists, shortened } = exchange.mcp
    if (lists && !shortened && hidesAnything(policy, caller(exchange, proxy))) return false
    const decided = judgeAll(policy, operations, caller(exchange, proxy))
    return decided === undefined || decided.verdict.type === "allowed"
  }

  return {
    concerns: isMcpEndpoint,
    take,
    shape: (exchange, mcp, head, headers) => shapeAnswer(parts, exchange, mcp, head, headers),
    stillAllowed,
    release: held.release,
  }
}

const varyByOrigin: readonly string[] = ["Vary", "Origin"]

/** From here on the request has a body of known length. */
function hold(exchange: Exchange, bytes: Buffer): void {
  exchange.held = bytes
  exchange.scan = { ...exchange.scan, chunked: false, contentLength: String(bytes.length) }
}

/** The names of the headers are judged anew: they are others now, or those of another request came in between. */
function rejudge({ edge, rawHeaders }: Exchange): void {
  for (let at = 0; at < rawHeaders.length; at += 2) edge.judged[at >> 1] = edge.names(rawHeaders[at]!)
}
