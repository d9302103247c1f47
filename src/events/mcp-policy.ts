import * as z from "zod"
import { ScopeToken } from "./values.ts"
import { peopleList } from "./people-list.ts"

/** What a rule is about: tools and prompts by name, resources by URI. */
const McpKind = z.enum(["tool", "prompt", "resource"])

const McpAction = z.enum(["allow", "deny"])

/**
 * One rule of a proxy's MCP policy. With people lists it is a match for the names all the same, and whoever is not on them is
 * denied. `scopes` are all that the operation needs.
 */
const McpRule = z.strictObject({
  kind: McpKind,
  match: z.array(z.string().min(1).max(1024)).min(1).max(100).describe("Names or URIs; `*` stands for any characters."),
  action: McpAction,
  scopes: z.array(ScopeToken).min(1).max(32).optional(),
  users: peopleList.optional(),
  emails: peopleList.optional(),
  groups: peopleList.optional(),
})

/** Who may use what of an MCP server. Rules in order, the first that matches kind and name decides; without one `default` does. */
export const McpPolicy = z.strictObject({
  default: McpAction,
  rules: z.array(McpRule).max(200),
})
