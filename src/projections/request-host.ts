import { isIPv6 } from "node:net"

/** A parsed Host header or authority. */
export interface Host {
  /** Lower case, no port, no trailing dot; IPv6 literals keep their brackets. */
  readonly name: string
  /** Digits, or empty. */
  readonly port: string
}

const pattern = /^(?:([A-Za-z0-9._-]+)|\[([0-9A-Fa-f:.]+)\])(?::([0-9]{0,5}))?$/
const plain = /^[a-z0-9_-]+(?:\.[a-z0-9_-]+)*$/

/**
 * Parses a Host header (RFC 9110 §7.2): name or IP literal with an optional port and nothing else.
 * @returns undefined for a value that must be answered with 400
 */
export function parseHost(value: string): Host | undefined {
  if (value.length <= 253 && plain.test(value)) return { name: value, port: "" }
  const match = pattern.exec(value)
  if (match === null || value.length > 320) return undefined
  const [, name, literal, port = ""] = match
  if (Number(port) > 65535) return undefined
  if (literal !== undefined) return isIPv6(literal) ? { name: `[${literal.toLowerCase()}]`, port } : undefined
  const normal = normalHostName(name ?? "")
  return normal === undefined ? undefined : { name: normal, port }
}

/**
 * A host name as it is looked up: lower case, one trailing dot dropped, non-empty labels of letters, digits, `-` and `_`,
 * at most 63 bytes each and 253 in all.
 * @returns undefined for what no host name can be
 */
export function normalHostName(value: string): string | undefined {
  const name = (value.endsWith(".") ? value.slice(0, -1) : value).toLowerCase()
  if (name.length > 253 || !plain.test(name)) return undefined
  return name.split(".").every((label) => label.length <= 63) ? name : undefined
}

/** An authority as it stands in an absolute-form target: everything between `://` and the path. */
const absoluteForm = /^https?:\/\/([^/?#]*)([/?].*)?$/i

/**
 * Splits an absolute-form target (RFC 9112 §3.2.2) into authority and origin form.
 * @returns undefined for anything that is not absolute-form http or https
 */
export function splitAbsoluteForm(target: string): { authority: string; target: string } | undefined {
  const match = absoluteForm.exec(target)
  if (match === null) return undefined
  const rest = match[2] ?? ""
  return { authority: match[1] ?? "", target: rest.startsWith("/") ? rest : `/${rest}` }
}
