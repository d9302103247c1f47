import {
  type McpCaller,
  type McpOperation,
  type McpPolicy,
  type McpVerdict,
  judgeOperation,
} from "../../projections/mcp-policy.ts"
import type { AccessTokenClaims } from "../../projections/access-token-claims.ts"
import { personOf } from "../../projections/admission.ts"
import type { ResourceProxy } from "../../projections/resource.ts"
import { hierarchyOf, scopeTokens } from "../../projections/scope.ts"

/** The caller of a request to a proxy that passed the guard. @param claims undefined for anonymous requests */
export function callerOf(claims: AccessTokenClaims | undefined, proxy: Pick<ResourceProxy, "mcp">): McpCaller {
  return claims === undefined
    ? { person: null, scopes: [] }
    : { person: personOf(claims), scopes: scopeTokens(claims.scope), hierarchy: hierarchyOf(proxy) }
}

/** The verdict on all operations of a request together, and the operation that decided. */
export interface PolicyVerdict {
  readonly verdict: McpVerdict
  readonly operation: McpOperation
}

/**
 * Judges everything that a request asks for: one refusal refuses all, and missing scopes are named together, so that one more
 * authorization is enough.
 * @returns undefined when there is nothing to judge
 */
export function judgeAll(
  policy: McpPolicy,
  operations: readonly McpOperation[],
  caller: McpCaller,
): PolicyVerdict | undefined {
  const verdicts = operations.map((operation) => ({ operation, verdict: judgeOperation(policy, operation, caller) }))
  const denied = verdicts.find(({ verdict }) => verdict.type === "denied")
  if (denied !== undefined) return denied
  const lacking = verdicts.flatMap(({ verdict, operation }) =>
    verdict.type === "scopes_missing" ? [{ verdict, operation }] : [],
  )
  if (lacking.length === 0) return verdicts[0]
  const needed = [...new Set(lacking.flatMap(({ verdict }) => verdict.needed))]
  const [{ verdict, operation }] = lacking as [(typeof lacking)[number]]
  return { verdict: { ...verdict, needed }, operation }
}
