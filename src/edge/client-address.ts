import { BlockList, isIP } from "node:net"

/** Set of address ranges. */
export interface AddressRanges {
  /** Is the textual IP address inside one of the ranges? IPv4 mapped into IPv6 counts as IPv4. */
  has(address: string): boolean
}

/**
 * Parses CIDRs; a bare address is a range of one.
 * @throws RangeError naming the value that is no CIDR
 */
export function addressRanges(cidrs: readonly string[]): AddressRanges {
  const list = new BlockList()
  for (const cidr of cidrs) {
    const [base = "", length] = cidr.split("/")
    const version = isIP(base)
    const widest = version === 4 ? 32 : 128
    const prefix = length === undefined ? widest : Number(length)
    if (version === 0 || !/^\d*$/.test(length ?? "") || prefix > widest) throw new RangeError(`${cidr} is not a CIDR`)
    list.addSubnet(base, prefix, version === 4 ? "ipv4" : "ipv6")
  }
  return {
    has(address) {
      const plain = plainAddress(address)
      const version = isIP(plain)
      return version !== 0 && list.check(plain, version === 4 ? "ipv4" : "ipv6")
    },
  }
}

/** IPv4 mapped into IPv6 (`::ffff:192.0.2.1`) as IPv4; anything else as it is, without a zone. */
export function plainAddress(address: string): string {
  if (address.startsWith("::ffff:") && address.includes(".")) return address.slice(7)
  const zone = address.indexOf("%")
  return zone === -1 ? address : address.slice(0, zone)
}

/**
 * Address of the client behind trusted proxies: the rightmost entry of X-Forwarded-For that is not one of them.
 * Without trust the header has no influence.
 * @param peer address of the connection
 * @param forwardedFor every X-Forwarded-For value in order, joined by commas; empty when there is none
 */
export function clientAddress(peer: string, forwardedFor: string, trusted: AddressRanges): string {
  if (forwardedFor === "" || !trusted.has(peer)) return peer
  const hops = forwardedFor.split(",")
  let nearest = peer
  for (const hop of hops.reverse()) {
    const address = plainAddress(hop.trim())
    // What cannot be read ends the chain: the hop that wrote it is the last one known.
    if (isIP(address) === 0) return nearest
    nearest = address
    if (!trusted.has(address)) return address
  }
  return nearest
}
