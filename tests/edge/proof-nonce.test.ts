import { type ProofKey, proofKey } from "../support/dpop.ts"
import { type TestKey, addGrant, addKey, goodClaims, instant, proxyWith, signed } from "../support/access-tokens.ts"
import { afterEach, beforeAll, describe, expect, it } from "vitest"
import { accessTokens } from "../../src/projections/access-token.ts"
import { emptyWorld } from "../../src/events/world.ts"
import { proofNonces } from "../../src/projections/dpop-nonce.ts"
import { randomBytes } from "node:crypto"
import type { ResourceProxy } from "../../src/projections/resource.ts"
import { tokenGuard } from "../../src/edge/token-guard.ts"

const world = emptyWorld()
const url = "https://mcp.example.com/mcp"
let seconds = instant
let signing: TestKey
let key: ProofKey
let token: string

const now = () => seconds * 1000
const nonces = proofNonces(randomBytes(32).toString("base64"), now)
const tokens = accessTokens({ world: () => world, now })
const settings = { publicHttpsPort: 443, MCP_RESOURCE_VALIDATION_STRICT: true }
const guard = tokenGuard({ tokens, settings, now, nonces })
const usual = proxyWith({})
const strict = proxyWith({ auth_require_dpop: true })
const open = proxyWith({ auth_mode: "passthrough" })

beforeAll(async () => {
  signing = await addKey(world, "ES256")
  addGrant(world)
  key = await proofKey()
  token = signed(signing, { ...goodClaims, cnf: { jkt: key.jkt } })
})

afterEach(() => {
  seconds = instant
})

const check = (proxy: ResourceProxy, rawHeaders: readonly string[]) =>
  guard.check(proxy, { method: "POST", path: "/mcp", query: "", rawHeaders })
const values = (headers: readonly string[], name: string) => headers.filter((_, at) => headers[at - 1] === name)

/** Judges a request with a proof. */
async function prove(payload: object, proxy = usual) {
  const proof = await key.proof({ method: "POST", url, token, now: now() }, payload)
  return check(proxy, ["Authorization", `DPoP ${token}`, "DPoP", proof, "Origin", "https://mcp.example.com"])
}

describe("a gateway that requires nonces", () => {
  it("tells the nonce in a challenge that stands alone (RFC 9449 §9), and takes the proof that carries it", async () => {
    const refused = await prove({})
    if (refused.pass) throw new Error("passed")
    expect([refused.status, refused.reason]).toEqual([401, "proof_nonce"])
    expect(values(refused.headers, "WWW-Authenticate")).toEqual([
      'DPoP realm="mcp.example.com", algs="ES256 EdDSA RS256", error="use_dpop_nonce", ' +
        'error_description="The DPoP proof must carry the nonce of this answer.", ' +
        'resource_metadata="https://mcp.example.com/.well-known/oauth-protected-resource/mcp"',
    ])
    const [nonce] = values(refused.headers, "DPoP-Nonce")
    expect(values(refused.headers, "Access-Control-Expose-Headers").join()).toContain("DPoP-Nonce")
    const passed = await prove({ nonce })
    expect(passed).toMatchObject({ pass: true, nonce, proof: { id: expect.stringContaining(key.jkt) as string } })
  })

  it("gives the next nonce with every answer to a proof", async () => {
    const nonce = nonces.current()
    seconds += 60
    expect(await prove({ nonce })).toMatchObject({ pass: true, nonce: nonces.current() })
    seconds += 60
    expect(await prove({ nonce })).toMatchObject({ pass: false, reason: "proof_nonce" })
    const other = await prove({ nonce: nonces.current(), htm: "GET" })
    expect(other).toMatchObject({ pass: false, reason: "proof_method" })
    expect(values(other.headers, "DPoP-Nonce")).toEqual([nonces.current()])
  })

  it("offers it to who has no token where bound ones are required", () => {
    expect(values(check(strict, []).headers, "DPoP-Nonce")).toEqual([nonces.current()])
    expect(values(check(usual, []).headers, "DPoP-Nonce")).toEqual([])
  })

  it("still takes each proof once", async () => {
    const proof = await key.proof({ method: "POST", url, token, now: now() }, { nonce: nonces.current() })
    const ask = () => check(usual, ["Authorization", `DPoP ${token}`, "DPoP", proof])
    expect([ask(), ask()]).toMatchObject([{ pass: true }, { pass: false, reason: "proof_replayed" }])
    seconds += 59
    expect(ask()).toMatchObject({ reason: "proof_replayed" })
    seconds += 120
    expect(ask()).toMatchObject({ reason: "proof_nonce" })
  })

  it("asks nothing of tokens that are not bound", () => {
    const verdict = check(usual, ["Authorization", `Bearer ${signed(signing)}`])
    expect(verdict).toMatchObject({ pass: true })
    expect(verdict).not.toHaveProperty("nonce")
    expect(verdict).not.toHaveProperty("proof")
  })

  it("lets nobody's request through in passthrough mode, and tells the nonce with its answer", async () => {
    const nonce = nonces.current()
    expect(await prove({}, open)).toMatchObject({ pass: true, identity: null, nonce })
    expect(await prove({ nonce }, open)).toMatchObject({ pass: true, identity: { subject: goodClaims.sub }, nonce })
  })

  it("says of a proof by another key that the token is not good for it (RFC 9449 §7.1)", async () => {
    const other = await proofKey()
    const proof = await other.proof({ method: "POST", url, token, now: now() }, { nonce: nonces.current() })
    const { headers } = check(usual, ["Authorization", `DPoP ${token}`, "DPoP", proof])
    expect(values(headers, "WWW-Authenticate")[1]).toContain('error="invalid_token"')
  })
})
