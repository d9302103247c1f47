import { type AccessRule, type Person, ruleFault } from "./access-rule.ts"
import type { Proxy } from "../events/proxy.ts"
import { type ScopeHierarchy, missingScopes } from "./scope.ts"

/** Who may use what of an MCP server. */
export type McpPolicy = NonNullable<NonNullable<Proxy["mcp"]>["mcp_policy"]>
type McpRule = McpPolicy["rules"][number]
export type McpKind = McpRule["kind"]

/** Somebody who uses an MCP server. */
export interface McpCaller {
  /** Null when nobody is known: the proxy has no auth, or lets anonymous requests pass. */
  readonly person: Person | null
  readonly scopes: readonly string[]
  /** What they hold on the proxy that is asked. */
  readonly hierarchy?: ScopeHierarchy
}

/** A tool, prompt or resource that is asked for. */
export interface McpOperation {
  readonly kind: McpKind
  /** Name, or URI of a resource. */
  readonly name: string
}

/** What a policy says. `rule` is the number of the rule, from 1, `default`, or `spelling` for a URI that is too long for its escapes. */
export type McpVerdict =
  | { readonly type: "allowed"; readonly rule: string }
  /** By action or person: to this caller it does not exist. */
  | { readonly type: "denied"; readonly rule: string }
  /** Only scopes are missing. `needed` are all that the operation takes. */
  | { readonly type: "scopes_missing"; readonly rule: string; readonly needed: readonly string[] }

/**
 * May this caller do this? A resource is judged under every spelling of its URI that a server may take for the same, and the strictest counts;
 * but a rule that spells it out as it came is about nothing else.
 */
export function judgeOperation(policy: McpPolicy, operation: McpOperation, caller: McpCaller): McpVerdict {
  if (operation.kind !== "resource" || isSpelledOut(policy, operation)) return judgeName(policy, operation, caller)
  if (operation.name.length > longestOdd && odd.test(operation.name)) return { type: "denied", rule: "spelling" }
  const verdicts = [...spellings(operation.name)].map((name) => judgeName(policy, { kind: "resource", name }, caller))
  const strictest = verdicts.find(({ type }) => type === "denied") ?? verdicts.find(({ type }) => type !== "allowed")
  return strictest ?? verdicts[0]!
}

function isSpelledOut({ rules }: McpPolicy, { kind, name }: McpOperation): boolean {
  const first = rules.find((rule) => rule.kind === kind && rule.match.some((pattern) => matches(pattern, name)))
  return first?.match.includes(name) === true
}

function judgeName(policy: McpPolicy, { kind, name }: McpOperation, caller: McpCaller): McpVerdict {
  for (const [at, rule] of policy.rules.entries())
    if (rule.kind === kind && rule.match.some((pattern) => matches(pattern, name))) return judgeRule(rule, at, caller)
  return { type: policy.default === "allow" ? "allowed" : "denied", rule: "default" }
}

function judgeRule(rule: McpRule, at: number, { person, scopes, hierarchy }: McpCaller): McpVerdict {
  const number = String(at + 1)
  if (!admits(rule, person)) return { type: "denied", rule: number }
  const needed = rule.scopes ?? []
  if (missingScopes(scopes, needed, hierarchy).length === 0) return { type: "allowed", rule: number }
  return { type: "scopes_missing", rule: number, needed }
}

/** Does the rule allow, and this person? */
function admits({ action, users = null, emails = null, groups = null }: McpRule, person: Person | null): boolean {
  if (action === "deny") return false
  if (person === null) return users === null && emails === null && groups === null
  const rule: AccessRule = { auth_required_users: users, auth_required_emails: emails, auth_required_groups: groups }
  return ruleFault(rule, person) === undefined
}

/** Could anything be hidden from this caller? If not, lists need not be looked at. */
export function hidesAnything(policy: McpPolicy, { person }: McpCaller): boolean {
  return policy.default === "deny" || policy.rules.some((rule) => !admits(rule, person))
}

/** `*` stands for any characters, everything else for itself; case matters. */
function matches(pattern: string, name: string): boolean {
  if (!pattern.includes("*")) return pattern === name
  if (pattern === "*") return true
  return matchesGlob(pattern.split("*"), name)
}

/** Greedy from the left is enough for `*` alone, and takes linear time for each part. */
function matchesGlob(parts: readonly string[], name: string): boolean {
  const first = parts[0]!
  const last = parts.at(-1)!
  if (name.length < first.length + last.length || !name.startsWith(first) || !name.endsWith(last)) return false
  const end = name.length - last.length
  let at = first.length
  for (const part of parts.slice(1, -1)) {
    const found = name.indexOf(part, at)
    if (found === -1 || found + part.length > end) return false
    at = found + part.length
  }
  return true
}

/** Characters of a URI that is looked at under more than one spelling; longer ones are nobody's, and would take long. */
const longestOdd = 8192
/** Layers of escapes that are taken off. */
const mostLayers = 4
/** Escapes, other slashes, dot segments, slashes in a row, a fragment: without them a URI has one spelling besides that of a parser. */
const odd = /[%\\#]|[:/]\.|[^:/]\/\/|\/{4}/

/**
 * The URI, and what servers make of it: with escapes taken off, as lenient decoders do it too, dot segments resolved as a parser of URLs
 * resolves them, and as a file system does, for which slashes in a row are one and what looks like a host is a folder like others.
 */
function spellings(uri: string): Iterable<string> {
  const found = new Set([uri, URL.parse(uri)?.href ?? uri])
  if (!odd.test(uri)) return found
  let text = uri
  for (let layer = 0; layer <= mostLayers; layer += 1) {
    for (const whole of new Set([text, text.split("#", 1)[0]!])) {
      found.add(whole).add(URL.parse(whole)?.href ?? whole)
      for (const start of [/^[^:/?#]*:\/\/[^/?#\\]*/, /^[^:/?#]*:\/*/]) {
        const [kept = ""] = start.exec(whole) ?? []
        found.add(kept + resolved(whole.slice(kept.length)))
      }
    }
    const next = unescaped(text)
    if (next === text) break
    text = next
  }
  return found
}

/** A path as a file system reads it. */
function resolved(path: string): string {
  const slashed = path.replaceAll("\\", "/")
  const segments = slashed.split("/")
  const kept: string[] = []
  for (const segment of segments)
    if (segment === "..") kept.pop()
    else if (segment !== "." && segment !== "") kept.push(segment)
  const open = kept.length > 0 && ["", ".", ".."].includes(segments.at(-1)!) ? "/" : ""
  return `${slashed.startsWith("/") ? "/" : ""}${kept.join("/")}${open}`
}

/** One layer of escapes off; those that are broken stay, and octets that are no UTF-8 become what decoders put in their place. */
function unescaped(uri: string): string {
  return uri.replace(/(?:%[0-9a-f]{2})+/gi, (run) => Buffer.from(run.replaceAll("%", ""), "hex").toString("utf8"))
}
