import { type McpBody, type RpcFault, readBody } from "./message.ts"
import {
  type McpHeaders,
  eraOfRequest,
  headerMismatch,
  protocolFault,
  readMcpHeaders,
  versionFault,
} from "./protocol.ts"
import { type PolicyVerdict, callerOf, judgeAll } from "./policy-check.ts"
import { isJson, isPlain } from "./media-type.ts"
import { refuseCode, refuseProtocol, refuseSession } from "./refusal.ts"
import { scopeChallenge, tokenChallenge } from "../challenge.ts"
import { type AnswerParts, bindingOf, shapeAnswer } from "./answers.ts"
import type { Exchange } from "../exchange.ts"
import type { McpExchange } from "./exchange.ts"
import type { ResponseHead } from "../response-parser.ts"
import { hidesAnything } from "../../projections/mcp-policy.ts"
import { paramFault } from "./param-headers.ts"
import { sessionIds } from "./session-ids.ts"
import { toolSchemas } from "./tool-schemas.ts"
import { withChanged } from "./answer-shape.ts"
import type { Guard } from "../guard.ts"
import type { Hosts } from "../../projections/hosts.ts"
import type { ResourceProxy } from "../../projections/resource.ts"
import { bodyReader } from "./body-reader.ts"
import { isMcpEndpoint } from "./endpoint.ts"
import { mcpLog } from "./exchange.ts"
import { asksForList, operationsOf } from "./operations.ts"

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
}

const defaultMaxBody = 4 * 1024 * 1024

/** The gate of one edge. */
export function mcpGate({ guard, hosts, publicHttpsPort, masterKey }: McpGateParts): McpGate {
  const reader = bodyReader()
  const caller = ({ identity }: Exchange) => callerOf(identity === null ? undefined : guard.claims(identity))
  const parts: AnswerParts = { hosts, caller, sessions: sessionIds(masterKey), schemas: toolSchemas() }

  function take(exchange: Exchange, proxy: ResourceProxy, onward: () => void): void {
    const { mcp } = proxy
    if (mcp === null) return onward()
    const { scan, rawHeaders, method } = exchange
    const headers = readMcpHeaders(rawHeaders)
    if (method !== "POST") {
      // A backend that does not look at the method would take it for a message that nobody judged.
      if (scan.chunked || Number(scan.contentLength) > 0)
        return refuseCode(exchange, "bad_request", { message: "Only POST carries a message." })
      const fault =
        headers.repeated === undefined
          ? versionFault(headers.version, mcp.mcp_versions)
          : { code: headerMismatch, message: `Header mismatch: ${headers.repeated} stands twice` }
      if (fault !== undefined) return refuseProtocol(exchange, fault)
      const era = eraOfRequest(headers)
      const log = mcpLog(undefined, undefined, undefined)
      const lists = method === "GET" && era === "legacy"
      exchange.mcp = { era, lists, operations: [], log, schemaPlace: undefined, shortened: false }
      return prepare(exchange, headers, proxy, undefined) ? onward() : undefined
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
        if (judge(exchange, headers, body as McpBody)) {
          hold(exchange, bytes)
          onward()
        }
      },
      (code) => refuseCode(exchange, code),
    )
  }

  /** By the settings of this moment: while the body came they may have changed. @returns false when it was refused */
  function judge(exchange: Exchange, headers: McpHeaders, { messages, batch }: McpBody): boolean {
    const proxy = hosts.get(exchange.hostname)?.proxy
    const [first] = messages
    const id = batch ? undefined : first?.id
    if (proxy?.enabled !== true || (exchange.identity !== null && !guard.stillAllowed(proxy, exchange.identity))) {
      refuseCode(exchange, "forbidden", { id, reason: "no_longer_allowed" })
      return false
    }
    const policy = proxy.mcp?.mcp_policy
    const found = messages.map(operationsOf)
    const faults = found.filter((each): each is RpcFault => "code" in each)
    if (policy !== undefined && faults[0] !== undefined) {
      refuseProtocol(exchange, batch ? { ...faults[0], id: undefined } : faults[0])
      return false
    }
    const operations = found.flatMap((each) => ("code" in each ? [] : each))
    const decided = policy === undefined ? undefined : judgeAll(policy, operations, caller(exchange))
    const log = mcpLog(first?.method, decided?.operation ?? operations[0], decided?.verdict.rule)
    const era = eraOfRequest(headers)
    const place = `${proxy.hostname} ${proxy.target_url}`
    const schemaPlace = era === "modern" && first?.method === "tools/list" ? place : undefined
    exchange.mcp = { era, lists: messages.some(asksForList), operations, log, schemaPlace, shortened: false }
    if (decided !== undefined && decided.verdict.type !== "allowed") {
      refusePolicy(exchange, proxy, decided, id)
      return false
    }
    const name = operations[0]?.name ?? ""
    const declared = era === "modern" && first?.method === "tools/call" ? parts.schemas.of(place, name) : undefined
    const wrong = declared && paramFault(declared, first?.params["arguments"], headers.params)
    if (wrong !== undefined) {
      refuseProtocol(exchange, { code: headerMismatch, message: `Header mismatch: ${wrong}`, id })
      return false
    }
    return prepare(exchange, headers, proxy, id)
  }

  /** Headers as the backend gets them. @returns false when the session is not this caller's */
  function prepare(
    exchange: Exchange,
    { sessionId }: McpHeaders,
    proxy: ResourceProxy,
    id: string | undefined,
  ): boolean {
    const { era, lists } = exchange.mcp!
    if (sessionId !== undefined) {
      const own = era === "modern" ? undefined : parts.sessions.unwrap(sessionId, bindingOf(exchange))
      if (own === undefined && era === "legacy") {
        refuseSession(exchange, id)
        return false
      }
      exchange.rawHeaders = withChanged(exchange.rawHeaders, "mcp-session-id", () => own)
    }
    // A coded answer could not be looked into.
    if (lists && hidesAnything(proxy.mcp?.mcp_policy, caller(exchange)))
      exchange.rawHeaders = withChanged(exchange.rawHeaders, "accept-encoding", () => undefined)
    exchange.cors ??= varyByOrigin
    rejudge(exchange)
    return true
  }

  function refusePolicy(
    exchange: Exchange,
    proxy: ResourceProxy,
    { verdict, operation: { kind } }: PolicyVerdict,
    id: string | undefined,
  ): void {
    if (verdict.type !== "scopes_missing" || proxy.auth?.auth_enabled !== true)
      return refuseCode(exchange, "forbidden", { id, reason: `${kind}_not_allowed` })
    const reason = `${kind}_needs_scope`
    if (exchange.identity === null) {
      const headers = ["WWW-Authenticate", tokenChallenge(proxy, publicHttpsPort)]
      return refuseCode(exchange, "unauthenticated", { id, reason, headers })
    }
    const text = `This ${kind} needs more than the token's scopes.`
    const headers = ["WWW-Authenticate", scopeChallenge(proxy, publicHttpsPort, verdict.needed, text)]
    refuseCode(exchange, "insufficient_scope", { id, reason, message: text, headers })
  }

  function stillAllowed(exchange: Exchange, proxy: ResourceProxy): boolean {
    if (exchange.mcp === undefined) return true
    if (!isMcpEndpoint(proxy, exchange.path)) return false
    const policy = proxy.mcp?.mcp_policy
    if (policy === undefined) return true
    const { operations, lists, shortened } = exchange.mcp
    if (lists && !shortened && hidesAnything(policy, caller(exchange))) return false
    const decided = judgeAll(policy, operations, caller(exchange))
    return decided === undefined || decided.verdict.type === "allowed"
  }

  return {
    concerns: isMcpEndpoint,
    take,
    shape: (exchange, mcp, head, headers) => shapeAnswer(parts, exchange, mcp, head, headers),
    stillAllowed,
    release: reader.release,
  }
}

/** Answers differ by `Origin`, also where there is none; the backend's own CORS headers give way. */
const varyByOrigin: readonly string[] = ["Vary", "Origin"]

/** From here on the request has a body of known length. */
function hold(exchange: Exchange, bytes: Buffer): void {
  exchange.held = bytes
  exchange.scan = { ...exchange.scan, chunked: false, contentLength: String(bytes.length) }
}

/** The names of the headers are judged anew: others came in between. */
function rejudge({ edge, rawHeaders }: Exchange): void {
  for (let at = 0; at < rawHeaders.length; at += 2) edge.judged[at >> 1] = edge.names(rawHeaders[at]!)
}
