import type { AuthorizationServer } from "./authorization-server.ts"
import type { Proxy } from "../events/proxy.ts"
import { protectedProxies } from "./requested-resource.ts"

const most = 100
const mostBytes = 4096

/**
 * The groups of a person that go into tokens, which have to fit into a header: all of them, or of very many those alone that some
 * rule names.
 */
export function cappedGroups(server: AuthorizationServer, groups: readonly string[]): readonly string[] {
  if (fit(groups)) return groups
  const rules = protectedProxies(server).flatMap(namedGroups)
  const named = new Set(rules.map((group) => group.toLowerCase()))
  const kept: string[] = []
  for (const group of groups) if (named.has(group.toLowerCase()) && fit([...kept, group])) kept.push(group)
  return kept
}

function fit(groups: readonly string[]): boolean {
  return groups.length <= most && Buffer.byteLength(groups.join()) <= mostBytes
}

/** Every group that a rule of the proxy names: of people, of scopes, of tools. */
export function namedGroups({ auth, mcp }: Pick<Proxy, "auth" | "mcp">): readonly string[] {
  const rules = [...(mcp?.mcp_scope_rules ?? []), ...(mcp?.mcp_policy?.rules ?? [])]
  const scoped = rules.flatMap(({ groups }) => groups ?? [])
  return [...(auth?.auth_required_groups ?? []), ...scoped]
}
