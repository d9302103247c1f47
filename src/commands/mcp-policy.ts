import type * as z from "zod"
import type { ProxyMcp } from "../events/proxy.ts"
import { circularScope } from "../events/scope-hierarchy.ts"
import { emailPatternError } from "../events/access-pattern.ts"
import { invalid } from "./decision.ts"

/**
 * Refuses MCP settings whose rules cannot mean what their author thinks.
 * @throws GatehouseError `validation_failed`
 */
export function assertSound(settings: z.infer<typeof ProxyMcp>): void {
  const { mcp_scope_rules, mcp_scope_hierarchy = [], mcp_policy, mcp_scopes } = settings
  assertHierarchy(mcp_scope_hierarchy)
  const patterns = (rules: readonly { emails?: readonly string[] | null | undefined }[] = []) =>
    rules.flatMap(({ emails }) => emails ?? [])
  for (const pattern of patterns(mcp_scope_rules)) assertPattern("mcp_scope_rules", pattern)
  for (const pattern of patterns(mcp_policy?.rules)) assertPattern("mcp_policy", pattern)
  for (const [at, { action, scopes = [], users, emails, groups }] of (mcp_policy?.rules ?? []).entries()) {
    const lists = [users, emails, groups].some((list) => list !== undefined && list !== null)
    if (action === "deny" && (lists || scopes.length > 0))
      throw invalid("mcp_policy", `rule ${at + 1} denies everybody: people and scopes belong to rules that allow`)
    const missing = scopes.find((scope) => !mcp_scopes.includes(scope))
    if (missing !== undefined)
      throw invalid(
        "mcp_policy",
        `rule ${at + 1} needs ${missing}, which is not among mcp_scopes: no token can carry it`,
      )
  }
}

function assertHierarchy(hierarchy: NonNullable<z.infer<typeof ProxyMcp>["mcp_scope_hierarchy"]>): void {
  const named = hierarchy.map(({ scope }) => scope)
  const twice = named.find((scope, at) => named.indexOf(scope) !== at)
  if (twice !== undefined) throw invalid("mcp_scope_hierarchy", `${twice} stands in it twice`)
  if (hierarchy.some(({ scope, includes }) => [scope, ...includes].includes("offline_access")))
    throw invalid("mcp_scope_hierarchy", "offline_access is no scope of a resource")
  const circular = circularScope(hierarchy)
  if (circular !== undefined) throw invalid("mcp_scope_hierarchy", `${circular} would hold itself`)
}

function assertPattern(field: string, pattern: string): void {
  const problem = emailPatternError(pattern)
  if (problem !== undefined) throw invalid(field, problem)
}
