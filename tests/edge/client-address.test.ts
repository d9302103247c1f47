import { expect, it } from "vitest"
import { addressRanges, clientAddress, plainAddress } from "../../src/edge/client-address.ts"

const none = addressRanges([])
const trusted = addressRanges(["10.0.0.0/8", "2001:db8::/32", "127.0.0.1"])

it("without trust X-Forwarded-For has no influence", () => {
  expect(clientAddress("192.0.2.1", "198.51.100.7", none)).toBe("192.0.2.1")
  expect(clientAddress("192.0.2.1", "198.51.100.7", trusted)).toBe("192.0.2.1")
})

it("behind trusted proxies the rightmost address that is not one of them counts", () => {
  expect(clientAddress("10.0.0.1", "203.0.113.9, 198.51.100.7, 10.1.1.1", trusted)).toBe("198.51.100.7")
  expect(clientAddress("127.0.0.1", "198.51.100.7", trusted)).toBe("198.51.100.7")
  expect(clientAddress("10.0.0.1", "::ffff:198.51.100.7", trusted)).toBe("198.51.100.7")
  expect(clientAddress("2001:db8::9", "2001:db9::1", trusted)).toBe("2001:db9::1")
})

it("a chain of trusted proxies alone ends at the farthest", () => {
  expect(clientAddress("10.0.0.1", "10.0.0.3, 10.0.0.2", trusted)).toBe("10.0.0.3")
  expect(clientAddress("10.0.0.1", "", trusted)).toBe("10.0.0.1")
})

it("an unreadable entry ends the chain where it is still known", () => {
  expect(clientAddress("10.0.0.1", "198.51.100.7, unknown", trusted)).toBe("10.0.0.1")
  expect(clientAddress("10.0.0.1", '198.51.100.7, evil" , 10.0.0.2', trusted)).toBe("10.0.0.2")
})

it("ranges take IPv4 that is mapped into IPv6, and refuse what is no CIDR", () => {
  expect(trusted.has("::ffff:10.2.3.4")).toBe(true)
  expect(trusted.has("11.0.0.1")).toBe(false)
  expect(trusted.has("nonsense")).toBe(false)
  expect(plainAddress("fe80::1%eth0")).toBe("fe80::1")
  for (const wrong of ["10.0.0.0/33", "10.0.0/8", "localhost", "::1/129", "10.0.0.0/x", "10.0.0.0/-1"])
    expect(() => addressRanges([wrong])).toThrow(RangeError)
})
