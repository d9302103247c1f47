const longest = 2048
const most = 10

/** Private-use schemes without a dot that known native clients register (RFC 8252 §7.1 asks for a dot). */
const knownSchemes = new Set([
  "cursor",
  "vscode",
  "vscode-insiders",
  "vscodium",
  "windsurf",
  "zed",
  "kiro",
  "claude",
  "goose",
])

/** Parameters that the authorization response adds: a registered URI that has them already could pass for one. */
const responseParameters = ["code", "state", "iss", "error", "error_description", "error_uri"]

const loopback = /^http:\/\/(127\.0\.0\.1|\[::1\]|localhost)(?::\d{1,5})?((?:[/?].*)?)$/i

/**
 * Why a client may not register these redirect URIs, or undefined when it may (RFC 7591 §5, RFC 8252 §7, RFC 9700 §2.1).
 * @param applicationType `web` forbids what only native clients use
 */
export function redirectUrisProblem(
  uris: readonly string[],
  applicationType: "web" | "native" | undefined,
): string | undefined {
  if (uris.length > most) return `at most ${most} redirect_uris`
  for (const uri of uris) {
    const problem = redirectUriProblem(uri, applicationType)
    if (problem !== undefined) return problem
  }
  return undefined
}

function redirectUriProblem(uri: string, applicationType: "web" | "native" | undefined): string | undefined {
  if (uri.length > longest) return `a redirect URI has at most ${longest} characters`
  if (!/^[\x21-\x7e]+$/.test(uri) || /[\\<>"{}|^`#*]/.test(uri))
    return "a redirect URI has no spaces, wildcards, fragment or characters outside RFC 3986"
  const url = URL.parse(uri)
  if (url === null) return "a redirect URI must be absolute"
  if (url.username !== "" || url.password !== "" || /^[^/?]*\/\/[^/?]*@/.test(uri))
    return "a redirect URI has no user information"
  if (responseParameters.some((name) => url.searchParams.has(name)))
    return "a redirect URI has no parameters of the response"
  if (url.protocol === "https:" || url.protocol === "http:") return webUriProblem(uri, url, applicationType)
  if (applicationType === "web") return "a web client uses https redirect URIs only"
  const scheme = url.protocol.slice(0, -1)
  // A dot keeps out javascript:, data:, file: and every other scheme that a browser acts on.
  if (!scheme.includes(".") && !knownSchemes.has(scheme))
    return "a private-use redirect scheme must be a reversed domain name"
  return undefined
}

function webUriProblem(uri: string, url: URL, applicationType: "web" | "native" | undefined): string | undefined {
  // The URL parser repairs `https:host` and `https:///host`; what was meant must be what was written.
  if (!/^https?:\/\/[^/?]/i.test(uri)) return "a redirect URI must name its host after //"
  if (!/^(?:[a-z0-9._-]+|\[[0-9a-f:.]+\])$/.test(url.hostname)) return "a redirect URI must have a plain host"
  if (applicationType === "web" && isLoopback(uri)) return "a web client has no loopback redirect URIs"
  if (url.protocol === "http:" && !isLoopback(uri))
    return "a redirect URI must use https, unless it is a loopback address"
  return undefined
}

/** Is it an http URI of this machine (RFC 8252 §7.3)? */
export function isLoopback(uri: string): boolean {
  return loopback.test(uri)
}

/**
 * Does the presented redirect URI count as the registered one? Equal strings; only a loopback URI's port may differ
 * (RFC 8252 §7.3, RFC 9700 §4.1.3).
 */
export function matchesRedirectUri(registered: string, presented: string): boolean {
  if (registered === presented) return true
  const a = loopback.exec(registered)
  const b = loopback.exec(presented)
  if (a === null || b === null || presented.length > longest || !/^[\x21-\x7e]+$/.test(presented)) return false
  return URL.canParse(presented) && a[1] === b[1] && a[2] === b[2]
}

/** Where a redirect URI leads, for people: host, or scheme of a private-use URI. */
export function redirectHost(uri: string): string {
  const url = new URL(uri)
  return url.host === ""
    ? url.protocol
    : url.protocol === "https:" || url.protocol === "http:"
      ? url.host
      : `${url.protocol}//${url.host}`
}

/** CSP source for forms whose answer redirects there. CSP has no syntax for IPv6 hosts and for private-use hosts. */
export function formActionSource(uri: string): string {
  const url = new URL(uri)
  const plain = /^https?:$/.test(url.protocol) && !url.hostname.startsWith("[")
  return plain ? `${url.protocol}//${url.host}` : url.protocol
}
