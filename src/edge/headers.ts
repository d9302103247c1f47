import { type HeaderName, fold } from "./header-names.ts"

/** What a proxy adds to requests, and which client headers may therefore never pass. */
export interface HeaderPolicy {
  /** Folded names that this proxy sets. */
  readonly ownNames: ReadonlySet<string>
  /** Folded prefix of the identity headers, such as `x-auth-`. */
  readonly ownPrefix: string
  /** The proxy's own cookie, besides those that start with `__Host-gh_`. */
  readonly cookieName: string | null
}

// Nominating one of these in Connection would take away what rules rest on: such nominations are ignored (§1.5 rule 1).
const endToEnd = new Set(
  (
    "accept accept-charset accept-encoding accept-language authorization cache-control content-encoding content-language " +
    "content-length content-location content-range content-type cookie date dpop expect forwarded from host if-match " +
    "if-modified-since if-none-match if-range if-unmodified-since last-event-id origin pragma range referer user-agent via"
  ).split(" "),
)

/** Names that the client's Connection header takes off this hop; undefined for the usual ones. */
function nominations(connection: string): Set<string> | undefined {
  if (connection === "" || connection === "keep-alive" || connection === "close" || connection === "upgrade")
    return undefined
  const names = connection
    .split(",")
    .map((name) => fold(name.trim()))
    .filter((name) => name !== "" && !endToEnd.has(name) && !name.startsWith("mcp-") && !name.startsWith("sec-"))
  return names.length === 0 ? undefined : new Set(names)
}

/**
 * The client's headers as they go on to the backend: one text, each line ended by CRLF. Identity, forwarding and hop-by-hop
 * headers are left out by folded name, and so is everything that the edge writes itself (Host, framing, Expect).
 * @param judged names as `scanHead` judged them
 * @param protect leave out Authorization and DPoP, and the proxy's own cookie; Gatehouse's other cookies never go on
 */
export function forwardedLines(
  rawHeaders: readonly string[],
  judged: readonly HeaderName[],
  connection: string,
  policy: HeaderPolicy,
  protect: boolean,
): string {
  const gone = nominations(connection)
  const { ownNames, ownPrefix } = policy
  let lines = ""
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = judged[i >> 1]!
    let value = rawHeaders[i + 1]!
    switch (name.kind) {
      case "keep":
      case "mcp":
      case "origin":
      case "content-type":
      case "x-accel-buffering":
        break
      case "authorization":
      case "dpop":
        if (protect) continue
        break
      case "cookie":
        // Where a host is not guarded any more, browsers still have the cookies of before.
        if (protect || ours.test(value)) value = foreignCookies(value, policy.cookieName)
        if (value === "") continue
        break
      case "te":
        if (value.toLowerCase() !== "trailers") continue
        break
      default:
        continue
    }
    const { folded } = name
    if (folded.startsWith(ownPrefix) || ownNames.has(folded) || gone?.has(folded)) continue
    lines += `${rawHeaders[i]}: ${value}\r\n`
  }
  return lines
}

const ours = /__host-gh_/i

/** A Cookie value without Gatehouse's own cookies; empty when nothing is left. */
function foreignCookies(value: string, own: string | null): string {
  return value
    .split(";")
    .map((pair) => pair.trim())
    .filter((pair) => {
      const name = (pair.split("=", 1)[0] ?? "").trim()
      return pair !== "" && !name.toLowerCase().startsWith("__host-gh_") && name !== own
    })
    .join("; ")
}

const unsafeValue = /[^\t\x20-\x7e\x80-\xff]/

/**
 * Header lines of ours.
 * @param flat name, value, name, value …
 * @returns undefined when a value cannot be represented
 */
export function headerLines(flat: readonly string[]): string | undefined {
  let lines = ""
  for (let i = 0; i < flat.length; i += 2) {
    const value = flat[i + 1]!
    if (unsafeValue.test(value)) return undefined
    lines += `${flat[i]}: ${value}\r\n`
  }
  return lines
}
