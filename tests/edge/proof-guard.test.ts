import { type ProofKey, proofKey } from "../support/dpop.ts"
import { type TestKey, addGrant, addKey, goodClaims, instant, proxyWith, signed } from "../support/access-tokens.ts"
import { afterEach, beforeAll, describe, expect, it } from "vitest"
import type { ResourceProxy } from "../../src/projections/resource.ts"
import { accessTokens } from "../../src/projections/access-token.ts"
import { emptyWorld } from "../../src/events/world.ts"
import { proofGuard } from "../../src/edge/proof-guard.ts"
import { tokenGuard } from "../../src/edge/token-guard.ts"

const world = emptyWorld()
const url = "https://mcp.example.com/mcp"
let seconds = instant
let signing: TestKey
let key: ProofKey

const now = () => seconds * 1000
const tokens = accessTokens({ world: () => world, now })
const settings = { publicHttpsPort: 443, MCP_RESOURCE_VALIDATION_STRICT: true }
const guard = tokenGuard({ tokens, settings, now })
const usual = proxyWith({})
const strict = proxyWith({ auth_require_dpop: true })

beforeAll(async () => {
  signing = await addKey(world, "ES256")
  addGrant(world)
  key = await proofKey()
})

afterEach(() => {
  seconds = instant
})

const bound = () => signed(signing, { ...goodClaims, cnf: { jkt: key.jkt } })
const proofFor = (token: string, payload: object = {}) => key.proof({ method: "POST", url, token, now: now() }, payload)
const ask = (proxy: ResourceProxy, rawHeaders: readonly string[], change: object = {}) => {
  const verdict = guard.check(proxy, { method: "POST", path: "/mcp", query: "", rawHeaders, ...change })
  return verdict.pass ? "passed" : [verdict.status, verdict.reason]
}
const challenges = (proxy: ResourceProxy, rawHeaders: readonly string[]) => {
  const { headers } = guard.check(proxy, { method: "POST", path: "/mcp", query: "", rawHeaders })
  return headers.filter((_, at) => headers[at - 1] === "WWW-Authenticate")
}

describe("a token that is bound to a key", () => {
  it("passes with a proof for this request, each proof once", async () => {
    const token = bound()
    const headers = ["Authorization", `DPoP ${token}`, "DPoP", await proofFor(token)]
    expect(ask(usual, headers)).toBe("passed")
    expect(ask(usual, headers)).toEqual([401, "proof_replayed"])
    expect(ask(usual, ["authorization", `dpop ${token}`, "dpop", await proofFor(token)])).toBe("passed")
    expect(ask(usual, ["Authorization", `DPoP ${token}`, "DPoP", await proofFor(token)], { query: "a=b" })).toBe(
      "passed",
    )
  })

  it("is nothing without a proof, under another scheme, or with another's proof", async () => {
    const token = bound()
    const other = await proofKey()
    const proof = await proofFor(token)
    expect(ask(usual, ["Authorization", `DPoP ${token}`])).toEqual([401, "proof_missing"])
    expect(ask(usual, ["Authorization", `DPoP ${token}`, "DPoP", proof, "DPoP", proof])).toEqual([401, "proof_missing"])
    expect(ask(usual, ["Authorization", `Bearer ${token}`, "DPoP", proof])).toEqual([401, "sender_constrained"])
    const foreign = await other.proof({ method: "POST", url, token, now: now() })
    expect(ask(usual, ["Authorization", `DPoP ${token}`, "DPoP", foreign])).toEqual([401, "proof_key"])
    expect(ask(usual, ["Authorization", `DPoP ${token}`, "DPoP", await proofFor("another.token.x")])).toEqual([
      401,
      "proof_token",
    ])
    expect(ask(usual, ["Authorization", `DPoP ${token}`, "DPoP", proof], { method: "GET" })).toEqual([
      401,
      "proof_method",
    ])
    expect(ask(usual, ["Authorization", `DPoP ${token}`, "DPoP", proof], { path: "/other" })).toEqual([
      401,
      "proof_url",
    ])
    expect(ask(usual, ["Authorization", `DPoP ${token}`, "DPoP", proof])).toBe("passed")
  })

  it.each([[null], ["x"], [{}], [{ jkt: 7 }], [{ "x5t#S256": "y" }]])(
    "is nothing when its confirmation is %j",
    async (cnf) => {
      const token = signed(signing, { ...goodClaims, cnf })
      expect(ask(usual, ["Authorization", `DPoP ${token}`, "DPoP", await proofFor(token)])).toEqual([401, "proof_key"])
      expect(ask(usual, ["Authorization", `Bearer ${token}`])).toEqual([401, "sender_constrained"])
    },
  )

  it("keeps its streams, which carry no proofs", async () => {
    const token = bound()
    const verdict = guard.check(usual, {
      method: "POST",
      path: "/mcp",
      query: "",
      rawHeaders: ["Authorization", `DPoP ${token}`, "DPoP", await proofFor(token)],
    })
    const identity = verdict.pass ? verdict.identity! : undefined
    expect(guard.stillAllowed(usual, identity!)).toBe(true)
    expect(guard.stillAllowed(proxyWith({ auth_required_users: [] }), identity!)).toBe(false)
  })
})

describe("a token that is bound to no key", () => {
  it("is nothing under the scheme for bound ones, nor where those are required", async () => {
    const token = signed(signing)
    expect(ask(usual, ["Authorization", `DPoP ${token}`, "DPoP", await proofFor(token)])).toEqual([
      401,
      "not_sender_constrained",
    ])
    expect(ask(usual, ["Authorization", `Bearer ${token}`])).toBe("passed")
    expect(ask(strict, ["Authorization", `Bearer ${token}`])).toEqual([401, "not_sender_constrained"])
    const good = bound()
    expect(ask(strict, ["Authorization", `DPoP ${good}`, "DPoP", await proofFor(good)])).toBe("passed")
  })
})

describe("the challenge for bound tokens", () => {
  it("stands in a field of its own, where it helps", async () => {
    const metadata = 'resource_metadata="https://mcp.example.com/.well-known/oauth-protected-resource/mcp"'
    const offer = `DPoP realm="mcp.example.com", algs="ES256 EdDSA RS256", ${metadata}`
    expect(challenges(usual, [])).toHaveLength(1)
    expect(challenges(strict, [])).toEqual([expect.stringMatching(/^Bearer /) as string, offer])
    const [, withError] = challenges(usual, ["Authorization", `DPoP ${bound()}`])
    expect(withError).toMatch(/^DPoP realm="mcp\.example\.com", algs="ES256 EdDSA RS256", error="invalid_dpop_proof", /)
  })
})

describe("used proofs", () => {
  it("are remembered for as long as they could be good, and forgotten later", async () => {
    const check = proofGuard(now)
    const token = bound()
    const request = async (payload: object) => ({
      method: "POST",
      url,
      token,
      account: "somebody",
      confirmation: { jkt: key.jkt },
      proof: await proofFor(token, payload),
    })
    const first = await request({ jti: "one", iat: instant + 300 })
    expect(check(first)).toEqual({ id: `${key.jkt}\none` })
    seconds = instant + 599
    expect(check(first)).toBe("proof_replayed")
    seconds = instant + 601
    expect(check(first)).toBe("proof_time")
    expect(check(await request({ jti: "one", iat: seconds }))).toBe("proof_replayed")
    seconds = instant + 601 + 1201
    expect(check(await request({ jti: "one", iat: seconds }))).toEqual({ id: `${key.jkt}\none` })
  })

  it("that are too many to be remembered let nothing more of their account in, and everybody else", async () => {
    const few = tokenGuard({ tokens, settings, now, proofs: 8 })
    const request = async (sub: string) => {
      const other = await proofKey()
      const token = signed(signing, { ...goodClaims, sub, sid: `grant-${sub}`, cnf: { jkt: other.jkt } })
      const proof = await other.proof({ method: "POST", url, token, now: now() })
      const rawHeaders = ["Authorization", `DPoP ${token}`, "DPoP", proof]
      const verdict = few.check(usual, { method: "POST", path: "/mcp", query: "", rawHeaders })
      return verdict.pass ? "used" : verdict.reason
    }
    for (const sub of ["greedy", "second", "third"]) addGrant(world, `grant-${sub}`, "mcp_client1", sub)
    const outcomes = async (account: string, times: number) => {
      const found = []
      for (let at = 0; at < times; at++) found.push(await request(account))
      return found
    }
    expect(await outcomes("greedy", 6)).toEqual(["used", "used", "used", "used", "proofs_too_many", "proofs_too_many"])
    expect(await outcomes("second", 3)).toEqual(["used", "used", "proofs_too_many"])
    expect(await outcomes("third", 2)).toEqual(["used", "proofs_too_many"])
    expect(await outcomes("greedy", 1), "with whatever key").toEqual(["proofs_too_many"])
    seconds = instant + 601
    expect(await outcomes("greedy", 5)).toEqual(["used", "used", "used", "used", "proofs_too_many"])
  })
})
