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
import { refuseCode, refuseProtocol } from "./refusal.ts"
import { scopeChallenge, tokenChallenge } from "../challenge.ts"
import type { Exchange } from "../exchange.ts"
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
}

const defaultMaxBody = 4 * 1024 * 1024

/** The gate of one edge. */
export function mcpGate({ guard, hosts, publicHttpsPort }: McpGateParts): McpGate {
  const reader = bodyReader()
  const caller = ({ identity }: Exchange) => callerOf(identity === null ? undefined : guard.claims(identity))

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
      exchange.mcp = {
        era: eraOfRequest(headers),
        lists: method === "GET",
        operations: [],
        log: mcpLog(undefined, undefined, undefined),
      }
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
    exchange.mcp = { era: eraOfRequest(headers), lists: messages.some(asksForList), operations, log }
    if (decided === undefined || decided.verdict.type === "allowed") return true
    refusePolicy(exchange, proxy, decided, id)
    return false
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
    const decided = judgeAll(policy, exchange.mcp.operations, caller(exchange))
    return decided === undefined || decided.verdict.type === "allowed"
  }

  return { concerns: isMcpEndpoint, take, stillAllowed, release: reader.release }
}

/** From here on the request has a body of known length, and the names of its headers are judged anew: others came in between. */
function hold(exchange: Exchange, bytes: Buffer): void {
  const { edge, rawHeaders } = exchange
  exchange.held = bytes
  exchange.scan = { ...exchange.scan, chunked: false, contentLength: String(bytes.length) }
  for (let at = 0; at < rawHeaders.length; at += 2) edge.judged[at >> 1] = edge.names(rawHeaders[at]!)
}
