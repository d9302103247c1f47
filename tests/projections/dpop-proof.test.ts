import { type ProofKey, proofKey } from "../support/dpop.ts"
import { beforeAll, describe, expect, it } from "vitest"
import { checkProof } from "../../src/projections/dpop-proof.ts"

const now = 1_800_000_000_000
const target = { method: "POST", url: "https://mcp.example.com/mcp", token: "the.token", now }
let key: ProofKey

beforeAll(async () => {
  key = await proofKey()
})

const check = async (payload: object = {}, header: object = {}) =>
  checkProof(await key.proof(target, payload, header), target)

describe("a proof of possession", () => {
  it.each(["ES256", "EdDSA", "RS256"] as const)(
    "by a key for %s names that key by its thumbprint",
    async (algorithm) => {
      const own = await proofKey(algorithm)
      expect(checkProof(await own.proof(target, { jti: "one" }), target)).toEqual({ jkt: own.jkt, jti: "one" })
    },
  )

  it.each([
    ["https://mcp.example.com:443/mcp"],
    ["HTTPS://MCP.example.com/mcp"],
    ["https://mcp.example.com/mcp?query=1#fragment"],
    ["https://mcp.example.com/x/../mcp"],
  ])("may spell the URL %s", async (htu) => {
    expect(await check({ htu })).toMatchObject({ jkt: key.jkt })
  })

  it.each([
    ["another method", { htm: "GET" }, "proof_method"],
    ["a method in other letters", { htm: "post" }, "proof_method"],
    ["no method", { htm: undefined }, "proof_method"],
    ["another host", { htu: "https://other.example.com/mcp" }, "proof_url"],
    ["another port", { htu: "https://mcp.example.com:8443/mcp" }, "proof_url"],
    ["another path", { htu: "https://mcp.example.com/mcp/" }, "proof_url"],
    ["plain HTTP", { htu: "http://mcp.example.com/mcp" }, "proof_url"],
    ["user information", { htu: "https://a@mcp.example.com/mcp" }, "proof_url"],
    ["a password", { htu: "https://:a@mcp.example.com/mcp" }, "proof_url"],
    ["no URL", { htu: undefined }, "proof_url"],
    ["a URL that is none", { htu: "/mcp" }, "proof_url"],
    ["an old time", { iat: now / 1000 - 301 }, "proof_time"],
    ["a time to come", { iat: now / 1000 + 301 }, "proof_time"],
    ["a time as text", { iat: String(now / 1000) }, "proof_time"],
    ["no time", { iat: undefined }, "proof_time"],
    ["another token", { ath: "x" }, "proof_token"],
    ["no token", { ath: undefined }, "proof_token"],
    ["no id", { jti: undefined }, "proof_id"],
    ["an empty id", { jti: "" }, "proof_id"],
    ["an id without end", { jti: "x".repeat(257) }, "proof_id"],
  ])("is refused with %s", async (_what, payload, fault) => {
    expect(await check({ iat: now / 1000, ...payload })).toBe(fault)
  })

  it.each([
    ["another type", { typ: "JWT" }, "proof_header_not_allowed"],
    ["no type", { typ: undefined }, "proof_header_not_allowed"],
    ["an access token's type", { typ: "at+jwt" }, "proof_header_not_allowed"],
    ["a key by reference", { jku: "https://evil.example/k" }, "proof_header_not_allowed"],
    ["no key", { jwk: undefined }, "proof_key_not_allowed"],
    ["a key that is none", { jwk: { kty: "EC" } }, "proof_key_not_allowed"],
    ["a list in place of a key", { jwk: [] }, "proof_key_not_allowed"],
    ["a symmetric key", { jwk: { kty: "oct", k: "AAAA" } }, "proof_key_not_allowed"],
  ])("is refused with %s in its header", async (_what, header, fault) => {
    expect(await check({ iat: now / 1000 }, header)).toBe(fault)
  })

  it("is refused when it brings its private key, or was signed with another one", async () => {
    expect(await check({ iat: now / 1000 }, { jwk: key.privateJwk })).toBe("proof_key_not_allowed")
    const other = await proofKey()
    expect(await check({ iat: now / 1000 }, { jwk: other.publicJwk })).toBe("proof_signature")
  })

  it("is refused before its signature is looked at, where its key would make that take long", () => {
    const octets = (count: number) => Buffer.alloc(count, 0xff).toString("base64url")
    const part = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url")
    const by = (n: string, e: string) =>
      checkProof(`${part({ typ: "dpop+jwt", alg: "RS256", jwk: { kty: "RSA", n, e } })}.${part({})}.AAAA`, target)
    expect(by(octets(384), "AQAB")).toBe("proof_signature")
    expect(by(octets(1024), octets(4))).toBe("proof_signature")
    expect(by(octets(384), octets(383))).toBe("proof_key_not_allowed")
    expect(by(octets(384), octets(5))).toBe("proof_key_not_allowed")
    expect(by(octets(1025), "AQAB")).toBe("proof_key_not_allowed")
  })

  it("is refused without a signature, or when it is no JWT", async () => {
    const [header, payload] = (await key.proof(target)).split(".")
    const none = Buffer.from(JSON.stringify({ typ: "dpop+jwt", alg: "none", jwk: key.publicJwk })).toString("base64url")
    expect(checkProof(`${none}.${payload}.AA`, target)).toBe("proof_key_not_allowed")
    for (const text of [
      "",
      "a.b",
      `${header}.${payload}.`,
      "x".repeat(5000),
      `${header}.${payload}.AA, ${header}.${payload}.AA`,
    ])
      expect(checkProof(text, target)).toBe("proof_malformed")
  })
})
