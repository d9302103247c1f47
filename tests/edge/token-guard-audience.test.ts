import { goodClaims, proxyWith } from "../support/access-tokens.ts"
import { describe, expect, it } from "vitest"
import { bearer, freshWorld, tokens } from "./guarded-proxy.ts"
import { tokenGuard } from "../../src/edge/token-guard.ts"

freshWorld()

/** Passed, or status and reason, for a token with this audience on a proxy whose endpoint is `/team/mcp`. */
function ask(aud: readonly string[], MCP_RESOURCE_VALIDATION_STRICT: boolean) {
  const guard = tokenGuard({ tokens, settings: { publicHttpsPort: 443, MCP_RESOURCE_VALIDATION_STRICT } })
  const proxy = proxyWith({}, { mcp_endpoint: "/team/mcp" })
  const rawHeaders = bearer({ ...goodClaims, aud })
  const verdict = guard.check(proxy, { method: "POST", path: "/team/mcp", query: "", rawHeaders })
  return verdict.pass ? "passed" : [verdict.status, verdict.reason]
}

describe("the audience at the gateway", () => {
  it("is the endpoint or its origin, and one of several is enough", () => {
    for (const strict of [true, false]) {
      expect(ask(["https://mcp.example.com/team/mcp"], strict)).toBe("passed")
      expect(ask(["https://mcp.example.com"], strict)).toBe("passed")
      expect(ask(["https://other.example.com", "https://mcp.example.com/team/mcp"], strict)).toBe("passed")
    }
  })

  it("with MCP_RESOURCE_VALIDATION_STRICT=false may be whole segments of the endpoint, on this origin alone", () => {
    expect(ask(["https://mcp.example.com/team"], true)).toEqual([401, "wrong_audience"])
    expect(ask(["https://mcp.example.com/team"], false)).toBe("passed")
    for (const aud of [
      "https://mcp.example.com/te",
      "https://mcp.example.com/team/mcp/deeper",
      "https://other.example.com/team",
      "https://mcp.example.com:8443/team",
      "https://auth.example.com",
    ])
      expect(ask([aud], false), aud).toEqual([401, "wrong_audience"])
  })
})
