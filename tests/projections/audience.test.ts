import { describe, expect, it } from "vitest"
import { audienceCovers } from "../../src/projections/audience.ts"

const mcp = {
  origin: "https://mcp.example.com",
  canonical: "https://mcp.example.com/team/mcp",
  registered: [] as string[],
}
const covers = (aud: string | string[], strict = true) => audienceCovers([aud].flat(), mcp, strict)

describe("an audience", () => {
  it("covers a proxy by its origin or by its canonical form, in any equal spelling", () => {
    for (const aud of [
      mcp.origin,
      mcp.canonical,
      `${mcp.canonical}/`,
      "HTTPS://MCP.example.com:443/",
      "https://MCP.EXAMPLE.com/team/mcp",
    ])
      expect(covers(aud), aud).toBe(true)
    expect(covers(["https://other.example.com", mcp.canonical])).toBe(true)
  })

  it("never covers anything else, strict or not", () => {
    for (const strict of [true, false])
      for (const aud of [
        "http://mcp.example.com",
        "https://mcp.example.com:8443",
        "https://mcp.example.com.evil.net",
        "https://evil.net/https://mcp.example.com",
        "https://mcp.example.com@evil.net/team",
        "https://xmcp.example.com",
        "https://mcp.example.com/team/mcp/x",
        "https://mcp.example.com/TEAM/mcp",
        "https://mcp.example.com/team/mc",
        "https://mcp.example.com/te",
        "https://mcp.example.com/team/mcp?x=1",
        "https://mcp.example.com/team#x",
        "https://mcp.example.com\\team",
        "https://mcp.example.com//team",
        "https://mcp.example.com/team//mcp",
        "mcp.example.com",
        "*",
        "",
        "https://",
        "https://auth.example.com",
      ])
        expect(covers(aud, strict), `${aud} ${strict}`).toBe(false)
  })

  it("may be a whole-segment prefix of the path only when the check is not strict", () => {
    for (const aud of ["https://mcp.example.com/team", "https://mcp.example.com/team/"]) {
      expect(covers(aud)).toBe(false)
      expect(covers(aud, false)).toBe(true)
    }
  })

  it("that is empty covers nothing", () => {
    expect(covers([])).toBe(false)
  })
})
