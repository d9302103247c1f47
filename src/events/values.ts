import * as z from "zod"

/** ISO 8601 instant in UTC. */
export const Instant = z.iso.datetime()

/** `sha256:` and 64 hex digits: what stands in the log in place of a secret that is only compared. */
export const Sha256 = z.string().regex(/^sha256:[0-9a-f]{64}$/)

/** Name of a vault entry. The secret itself is never in a command or an event. */
export const SecretRef = z.string().regex(/^[a-z0-9-]{1,64}$/)

/** Name of an API token as its owner typed it; unique ignoring case. */
export const TokenName = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/, "1 to 64 letters, digits, . _ -, first a letter or digit")

/** Name of a certificate; unique ignoring case. */
export const CertificateName = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,254}$/, "1 to 255 letters, digits, . _ -, first a letter or digit")

const label = "[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
const hostPattern = new RegExp(`^(?=.{1,253}$)(?:${label}\\.)+${label}$|^localhost$`)

/** Host name in A-label form, lower case, with a dot (except `localhost`); no port, scheme, wildcard or trailing dot. */
export const HostName = z
  .string()
  .max(1024)
  .transform((value, context) => {
    const name = asciiHost(value)
    if (name !== undefined && hostPattern.test(name)) return name
    context.addIssue({ code: "custom", message: "must be a host name such as mcp.example.com" })
    return z.NEVER
  })

/** IDNA to ASCII and lower case, or undefined for what no host name can be. Numbers that URLs read as addresses fail. */
function asciiHost(value: string): string | undefined {
  if (!/^[^\s\p{C}/?#@:%\\[\]*]+$/u.test(value) || value.startsWith(".") || value.endsWith(".")) return undefined
  // What the URL parser leaves as it is: no number at the end, which could be an address, and no encoded label.
  if (/^(?:[a-z0-9-]+\.)+[a-z][a-z0-9-]*$/.test(value) && !value.includes("xn--")) return value
  const parsed = URL.parse(`http://${value}`)
  if (parsed === null || /^[\d.]+$/.test(parsed.hostname)) return undefined
  return parsed.hostname
}

/** A name for a certificate: a host name, `*.` and a host name, or an IP address. */
export const CertificateDomain = z
  .string()
  .max(1024)
  .transform((value, context) => {
    const wildcard = value.startsWith("*.")
    const base = wildcard ? value.slice(2).toLowerCase() : value
    if (wildcard && /^(test|internal)$/.test(base)) return `*.${base}`
    const host = HostName.safeParse(base)
    if (host.success) return wildcard ? `*.${host.data}` : host.data
    const address = URL.parse(`http://${value.includes(":") ? `[${value}]` : value}`)
    if (!wildcard && address !== null && /^(\[[0-9a-f:.]+\]|\d+(\.\d+){3})$/.test(address.hostname))
      return address.hostname.replace(/^\[|\]$/g, "")
    context.addIssue({ code: "custom", message: `${JSON.stringify(value.slice(0, 80))} is not a domain` })
    return z.NEVER
  })

/** OAuth scope token (RFC 6749 appendix A.4). */
export const ScopeToken = z.string().regex(/^[\x21\x23-\x5b\x5d-\x7e]{1,64}$/, "not a scope token (RFC 6749)")

/** Account e-mail. */
export const Email = z.email().max(254)

/**
 * Does a certificate name cover a host? A wildcard covers exactly one label (RFC 9525 §6.3).
 * @param domain name in the certificate, lower case
 * @param hostname lower case
 */
export function covers(domain: string, hostname: string): boolean {
  if (domain === hostname) return true
  if (!domain.startsWith("*.")) return false
  const dot = hostname.indexOf(".")
  return dot > 0 && hostname.slice(dot + 1) === domain.slice(2)
}
