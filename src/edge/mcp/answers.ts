import { type McpCaller, hidesAnything, judgeOperation } from "../../projections/mcp-policy.ts"
import type { SessionBinding, SessionIds } from "./session-ids.ts"
import { type ToolSchemas, watched } from "./tool-schemas.ts"
import { filterFor, withChanged, withoutBytes } from "./answer-shape.ts"
import type { ResourceProxy } from "../../projections/resource.ts"
import type { Exchange } from "../exchange.ts"
import type { HeldBytes } from "./held-bytes.ts"
import type { Hides } from "./list-filter.ts"
import type { Hosts } from "../../projections/hosts.ts"
import type { McpExchange } from "./exchange.ts"
import type { ResponseHead } from "../response-parser.ts"
import { chained } from "./body-filter.ts"

/** What answers are shaped with. */
export interface AnswerParts {
  readonly hosts: Hosts
  readonly sessions: SessionIds
  readonly schemas: ToolSchemas
  readonly held: HeldBytes
  readonly caller: (exchange: Exchange, proxy: ResourceProxy) => McpCaller
}

/** Whose a session of this exchange is. */
export function bindingOf({ hostname, identity }: Exchange): SessionBinding {
  return { host: hostname, subject: identity?.subject ?? "", clientId: identity?.clientId ?? "" }
}

/**
 * Shapes the head of a backend's answer and, where a list must be shortened or looked at, sets `exchange.filter` for its body.
 * @returns headers for the client; undefined when the body cannot be looked into but must be
 */
export function shapeAnswer(
  parts: AnswerParts,
  exchange: Exchange,
  mcp: McpExchange,
  head: ResponseHead,
  given: readonly string[],
): readonly string[] | undefined {
  const { sessions, schemas, hosts, held } = parts
  const headers = head.mcp
    ? withChanged(given, "mcp-session-id", (id) =>
        mcp.era === "modern" ? undefined : sessions.wrap(id, bindingOf(exchange)),
      )
    : given
  if (head.status >= 300 || head.end === 0) return headers
  const { schemaPlace } = mcp
  if (schemaPlace !== undefined)
    exchange.filter = watched(head.eventStream, held.hold(exchange), (text) => schemas.note(schemaPlace, text))
  if (!mcp.lists) return headers
  const judged = hosts.get(exchange.hostname)?.proxy
  const policy = judged?.mcp?.mcp_policy
  if (judged === undefined || policy === undefined) return headers
  const caller = parts.caller(exchange, judged)
  if (!hidesAnything(policy, caller)) return headers
  // By the policy of the moment in which an entry comes: a stream may outlive the one that it began under.
  const hides: Hides = (operation) => {
    const proxy = hosts.get(exchange.hostname)?.proxy
    const now = proxy?.mcp?.mcp_policy
    return proxy === undefined || (now !== undefined && judgeOperation(now, operation, caller).type === "denied")
  }
  const filter = filterFor(head, hides, held.hold(exchange))
  if (filter === undefined) return undefined
  exchange.filter = exchange.filter === undefined ? filter : chained(exchange.filter, filter)
  mcp.shortened = true
  return withoutBytes(headers)
}
