import { describe, expect, it } from "vitest"
import { clientKeysProblem } from "../../src/events/client-keys.ts"

const octets = (count: number) => Buffer.alloc(count, 0xff).toString("base64url")
const rsa = { kty: "RSA", n: octets(256), e: "AQAB" }
const ec = { kty: "EC", crv: "P-256", x: octets(32), y: octets(32) }

describe("keys that a client names as its own", () => {
  it("are public ones, up to ten", () => {
    expect(clientKeysProblem({ keys: [rsa, ec, { kty: "OKP", crv: "Ed25519", x: octets(32) }] })).toBeUndefined()
    expect(clientKeysProblem({ keys: Array.from({ length: 10 }, () => ec) })).toBeUndefined()
    for (const keys of [undefined, [], Array.from({ length: 11 }, () => ec)])
      expect(clientKeysProblem({ keys })).toContain("one to 10 keys")
    for (const jwks of [null, undefined, "x", []]) expect(clientKeysProblem(jwks)).toContain("one to 10 keys")
    for (const key of [null, "x", []]) expect(clientKeysProblem({ keys: [ec, key] })).toContain("a JSON object")
    expect(clientKeysProblem({ keys: [{ kty: "oct", k: "AAAA" }] })).toContain("RSA, EC or OKP")
  })

  it.each(["d", "p", "q", "dp", "dq", "qi", "oth", "k"])("have no private member: %s", (member) => {
    expect(clientKeysProblem({ keys: [{ ...ec, [member]: "AA" }] })).toContain("public")
  })

  it("take no long time to verify by: whoever names one chooses how long", () => {
    expect(clientKeysProblem({ keys: [{ ...rsa, n: octets(1024), e: octets(4) }] })).toBeUndefined()
    for (const change of [{ n: octets(1025) }, { e: octets(5) }, { e: octets(256) }, { n: undefined }, { e: 3 }])
      expect(clientKeysProblem({ keys: [{ ...rsa, ...change }] })).toContain("at most 8192 bits")
  })
})
