/**
 * What a header field is to the edge. `keep` goes on as it is; `drop` never does (identity, forwarding, hop-by-hop);
 * every other value is looked at by name.
 */
export type HeaderKind =
  | "keep"
  | "drop"
  | "authorization"
  | "connection"
  | "content-length"
  | "content-type"
  | "cookie"
  | "dpop"
  | "expect"
  | "forwarded-for"
  | "host"
  | "keep-alive"
  | "mcp"
  | "origin"
  | "te"
  | "transfer-encoding"
  | "upgrade"
  | "x-accel-buffering"

/** One header name, judged once. */
export interface HeaderName {
  /** Lower case, every byte that is not a letter or digit as `-`: what CGI-like backends make of it. */
  readonly folded: string
  /** An RFC 9110 token? Always true for what Node's parser let through. */
  readonly valid: boolean
  readonly kind: HeaderKind
  /** Belongs to one connection and never crosses the edge (RFC 9110 §7.6.1). */
  readonly hopByHop: boolean
}

const byName: Readonly<Record<string, HeaderKind>> = {
  authorization: "authorization",
  connection: "connection",
  "content-length": "content-length",
  "content-type": "content-type",
  cookie: "cookie",
  dpop: "dpop",
  expect: "expect",
  host: "host",
  "keep-alive": "keep-alive",
  origin: "origin",
  te: "te",
  "transfer-encoding": "transfer-encoding",
  upgrade: "upgrade",
  "x-accel-buffering": "x-accel-buffering",
  "x-forwarded-for": "forwarded-for",
  // Hop-by-hop (RFC 9110 §7.6.1), and what only makes sense with an upgrade to h2c.
  trailer: "drop",
  "http2-settings": "drop",
  // Identity and forwarding (edge rules §1.5): set by the edge or by nobody.
  forwarded: "drop",
  "x-real-ip": "drop",
  // The same claims by other makers' names: frameworks read an address or a path out of these.
  "x-client-ip": "drop",
  "x-cluster-client-ip": "drop",
  "true-client-ip": "drop",
  "cf-connecting-ip": "drop",
  "fastly-client-ip": "drop",
  "x-rewrite-url": "drop",
  // CGI makes HTTP_PROXY of it, which programs take for their own proxy (CVE-2016-5385).
  proxy: "drop",
}

const hopByHop = new Set([
  "connection",
  "keep-alive",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
  "http2-settings",
])

const droppedPrefixes = ["proxy-", "x-forwarded", "x-auth-", "x-original-"]

// A rule that looks at an exact name must not be passed by `Content_Length`: such spellings are dropped.
const exactOnly: ReadonlySet<HeaderKind> = new Set<HeaderKind>([
  "authorization",
  "connection",
  "content-length",
  "content-type",
  "cookie",
  "dpop",
  "expect",
  "forwarded-for",
  "host",
  "keep-alive",
  "mcp",
  "origin",
  "te",
  "transfer-encoding",
  "upgrade",
])

/** Folds a header name: lower case, everything but letters and digits as `-`. */
export function fold(name: string): string {
  return name.toLowerCase().replace(/[^a-z0-9]/g, "-")
}

function judge(name: string): HeaderName {
  const folded = fold(name)
  // `Transfer-Encoding!` is a token too, and no backend should have to wonder.
  const core = folded.replace(/^-+|-+$/g, "")
  const named = Object.hasOwn(byName, core) ? byName[core]! : undefined
  const kind: HeaderKind =
    named ??
    (droppedPrefixes.some((prefix) => core.startsWith(prefix)) ? "drop" : core.startsWith("mcp-") ? "mcp" : "keep")
  const spelled = name.toLowerCase() === folded
  return {
    folded,
    valid: /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/.test(name),
    kind: spelled || !exactOnly.has(kind) ? kind : "drop",
    hopByHop: hopByHop.has(folded) || folded.startsWith("proxy-"),
  }
}

/**
 * Lookup of judged header names with a bounded memory, since clients choose the names.
 * @param most names remembered
 */
export function headerNames(most = 2000): (name: string) => HeaderName {
  const known = new Map<string, HeaderName>()
  return (name) => {
    const hit = known.get(name)
    if (hit !== undefined) return hit
    const judged = judge(name)
    if (known.size < most && name.length <= 64) known.set(name, judged)
    return judged
  }
}
