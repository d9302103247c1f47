import {
  addressAllowed,
  classifyAddress,
  isGlobalAddress,
  parseAddress,
  parseCidr,
} from "../../src/events/target-address.ts"
import { fc } from "../support/property.ts"
import { isIP } from "node:net"
import { describe, expect, it } from "vitest"

describe("the class of an address", () => {
  it.each([
    ["8.8.8.8", "public"],
    ["2606:4700::1111", "public"],
    ["10.0.0.1", "private"],
    ["100.64.0.1", "private"],
    ["127.0.0.1", "private"],
    ["172.31.255.255", "private"],
    ["172.32.0.0", "public"],
    ["192.168.1.1", "private"],
    ["::1", "private"],
    ["::ffff:127.0.0.1", "private"],
    ["::ffff:7f00:1", "private"],
    ["fd12::1", "private"],
    ["64:ff9b::7f00:1", "private"],
    ["64:ff9b:1::7f00:1", "private"],
    ["2002:7f00:1::", "private"],
    ["::7f00:1", "private"],
    ["fec0::1", "private"],
    ["100::1", "private"],
    ["4000::1", "private"],
    ["169.254.169.254", "never"],
    ["::ffff:169.254.169.254", "never"],
    ["fd00:ec2::254", "never"],
    ["fe80::1", "never"],
    ["fe80::1%eth0", "never"],
    ["0.0.0.0", "never"],
    ["::", "never"],
    ["224.0.0.1", "never"],
    ["255.255.255.255", "never"],
    ["ff02::1", "never"],
    ["not an address", "never"],
    ["1.2.3", "never"],
    ["1.2.3.256", "never"],
    ["", "never"],
  ])("%s is %s", (address, kind) => {
    expect(classifyAddress(address)).toBe(kind)
  })
})

describe("an ordinary address of the Internet", () => {
  it.each(["8.8.8.8", "2606:4700::1111", "2a00:1450::1"])("is %s", (address) => {
    expect(isGlobalAddress(address)).toBe(true)
  })

  it.each([
    ...["127.0.0.1", "10.0.0.1", "192.0.2.1", "192.88.99.1", "198.51.100.1", "203.0.113.1", "198.18.0.1", "240.0.0.1"],
    ...["2001::1", "2001:db8::1", "3fff::1", "2002:808:808::", "64:ff9b::808:808", "::ffff:10.0.0.1", "fd00::1", "x"],
  ])("is not %s", (address) => {
    expect(isGlobalAddress(address)).toBe(false)
  })
})

describe("a text", () => {
  const parts = fc.constantFrom(
    "::",
    ":",
    ".",
    "1",
    "ff",
    "12.3.4.5",
    "@",
    "[",
    "]",
    "/",
    "%eth0",
    "x",
    "0xkw",
    "\\",
    " ",
    "?",
    "#",
  )
  const texts = fc.oneof(
    fc.ipV4(),
    fc.ipV6(),
    fc.string(),
    fc.array(parts, { maxLength: 10 }).map((some) => some.join("")),
  )

  it("is an address when it is one for Node, never when it holds anything else, and never an error", () => {
    const zoneless = (text: string) => text.split("%")[0]!
    fc.assert(
      fc.property(texts, (text) => {
        if (isIP(zoneless(text)) === 6) expect(parseAddress(text), text).toBeDefined()
        if (parseAddress(text) !== undefined) expect(zoneless(text)).toMatch(/^[\da-f:.]+$/i)
      }),
      { numRuns: 5000 },
    )
    expect(classifyAddress("qT@.kwWy?)")).toBe("never")
    expect(parseAddress("x]@[::1")).toBeUndefined()
    expect(() => parseCidr("x@kw/8")).toThrow(RangeError)
  })
})

describe("what a target may dial", () => {
  it("is decided by class, trust and the allowed ranges", () => {
    expect(addressAllowed("10.1.2.3", true, [])).toBe(true)
    expect(addressAllowed("10.1.2.3", false, [])).toBe(false)
    expect(addressAllowed("10.1.2.3", false, ["10.1.0.0/16"])).toBe(true)
    expect(addressAllowed("::ffff:10.1.2.3", false, ["10.1.0.0/16"])).toBe(true)
    expect(addressAllowed("10.2.2.3", false, ["10.1.0.0/16"])).toBe(false)
    expect(addressAllowed("169.254.169.254", true, ["169.254.0.0/16"])).toBe(false)
    expect(addressAllowed("8.8.8.8", false, [])).toBe(true)
  })

  it.each(["10.0.0.0/33", "10.0.0.0/-1", "x/8", "10.0.0.0/a", "::/129"])("refuses the range %s", (text) => {
    expect(() => parseCidr(text)).toThrow(RangeError)
  })
})
