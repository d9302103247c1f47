/** Classes of addresses that a proxy must not reach, or may reach only for administrators. Pure: no lookups. */

/** What an IP address is to Gatehouse: `never` is refused for everybody, `private` for owners, `public` is open. */
export type AddressClass = "never" | "private" | "public"

interface Block {
  readonly base: bigint
  readonly bits: number
  readonly width: 32 | 128
}

/**
 * Parses a textual IP address in its canonical forms.
 * @returns number and width, or undefined for anything else; IPv4 mapped into IPv6 counts as IPv4
 */
export function parseAddress(text: string): { value: bigint; width: 32 | 128 } | undefined {
  if (/^\d{1,3}(\.\d{1,3}){3}$/.test(text)) {
    const parts = text.split(".").map(Number)
    if (parts.some((part) => part > 255)) return undefined
    return { value: parts.reduce((sum, part) => (sum << 8n) | BigInt(part), 0n), width: 32 }
  }
  const value = parseV6(text)
  if (value === undefined) return undefined
  if (value >> 32n === 0xffffn) return { value: value & 0xffffffffn, width: 32 }
  return { value, width: 128 }
}

function parseV6(text: string): bigint | undefined {
  const address = text.split("%")[0]!
  // Other characters could end the brackets, and what follows would be taken for the host.
  const url = /^[0-9A-Fa-f:.]+$/.test(address) ? URL.parse(`http://[${address}]/`) : null
  if (url === null) return undefined
  const [left = "", right] = url.hostname.slice(1, -1).split("::")
  const groups = (side: string) => (side === "" ? [] : side.split(":"))
  const head = groups(left)
  const tail = right === undefined ? [] : groups(right)
  const all = [...head, ...Array<string>(8 - head.length - tail.length).fill("0"), ...tail]
  return all.reduce((sum, group) => (sum << 16n) | BigInt(`0x${group}`), 0n)
}

/** @throws RangeError for what is no CIDR */
export function parseCidr(text: string): Block {
  const [address = "", length] = text.split("/")
  const parsed = parseAddress(address)
  const bits = length === undefined ? parsed?.width : Number(length)
  if (parsed === undefined || bits === undefined || !Number.isInteger(bits) || bits < 0 || bits > parsed.width)
    throw new RangeError(`${text} is not a CIDR`)
  return { base: parsed.value, bits, width: parsed.width }
}

/** Is the address inside the block? */
function inCidr(address: { value: bigint; width: 32 | 128 }, block: Block): boolean {
  const shift = BigInt(block.width - block.bits)
  return address.width === block.width && address.value >> shift === block.base >> shift
}

// RFC 6890 and its registries; the cloud metadata addresses lie in link-local, plus fd00:ec2::254.
const never = [
  "0.0.0.0/8",
  "169.254.0.0/16",
  "224.0.0.0/3",
  "::/128",
  "fe80::/10",
  "ff00::/8",
  "fd00:ec2::254/128",
].map(parseCidr)
const restricted = ["10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "172.16.0.0/12", "192.0.0.0/24", "192.168.0.0/16"]
  .concat(["198.18.0.0/15", "2002::/16"])
  .map(parseCidr)

/** All that the Internet routes of IPv6; elsewhere are site-local, IPv4-compatible and other forms that only a network of one's own knows. */
const globalUnicast = parseCidr("2000::/3")

/** Class of a textual IP address; what cannot be parsed is `never`. */
export function classifyAddress(text: string): AddressClass {
  const address = parseAddress(text)
  if (address === undefined || never.some((block) => inCidr(address, block))) return "never"
  if (address.width === 128 && !inCidr(address, globalUnicast)) return "private"
  return restricted.some((block) => inCidr(address, block)) ? "private" : "public"
}

/**
 * May a target dial this address?
 * @param trusted target of an administrator
 * @param allowed CIDRs that owners may use although they are private
 */
export function addressAllowed(text: string, trusted: boolean, allowed: readonly string[]): boolean {
  const kind = classifyAddress(text)
  if (kind !== "private" || trusted) return kind !== "never"
  const address = parseAddress(text)!
  return allowed.some((cidr) => inCidr(address, parseCidr(cidr)))
}

// What classifyAddress leaves to targets: documentation, benchmarks, relays and transition forms (RFC 6890 registries).
const reserved = [
  "192.0.2.0/24",
  "192.88.99.0/24",
  "198.51.100.0/24",
  "203.0.113.0/24",
  "2001::/23",
  "2001:db8::/32",
  "3fff::/20",
].map(parseCidr)

/** Is it an ordinary address of the public Internet, with no special use at all? What cannot be parsed is not. */
export function isGlobalAddress(text: string): boolean {
  const address = parseAddress(text)
  if (address === undefined || classifyAddress(text) !== "public") return false
  return !reserved.some((block) => inCidr(address, block))
}

/** Is it an address of this machine (RFC 1122 §3.2.1.3, RFC 4291 §2.5.3)? */
export function isLoopbackAddress(text: string): boolean {
  const address = parseAddress(text)
  return address !== undefined && (address.width === 32 ? address.value >> 24n === 127n : address.value === 1n)
}
