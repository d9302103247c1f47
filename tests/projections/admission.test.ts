import { describe, expect, it } from "vitest"
import { goodClaims, proxyWith } from "../support/access-tokens.ts"
import type { AccessTokenClaims } from "../../src/projections/access-token-claims.ts"
import { admissionFault } from "../../src/projections/admission.ts"

const settings = { publicHttpsPort: 443, MCP_RESOURCE_VALIDATION_STRICT: true }
const fault = (change: Partial<AccessTokenClaims>, proxy = proxyWith({}), port = 443) =>
  admissionFault(proxy, { ...goodClaims, ...change }, { ...settings, publicHttpsPort: port }) ?? "admitted"

describe("a verified token", () => {
  it("opens the proxy that it was issued for", () => {
    expect(fault({})).toBe("admitted")
    expect(fault({ aud: ["https://mcp.example.com"] }, proxyWith({}, null))).toBe("admitted")
  })

  it("opens it under another public port only with that port in issuer and audience", () => {
    expect(fault({}, proxyWith({}), 8443)).toBe("wrong_issuer")
    expect(fault({ iss: "https://auth.example.com:8443" }, proxyWith({}), 8443)).toBe("wrong_audience")
    const both = { iss: "https://auth.example.com:8443", aud: ["https://mcp.example.com:8443/mcp"] }
    expect(fault(both, proxyWith({}), 8443)).toBe("admitted")
  })

  it("of another OAuth host, for another resource, or bound to a key does not", () => {
    expect(fault({}, proxyWith({ auth_proxy: "login.example.com" }))).toBe("wrong_issuer")
    expect(fault({ aud: ["https://auth.example.com"] })).toBe("wrong_audience")
    expect(fault({ cnf: { jkt: "x" } })).toBe("sender_constrained")
  })

  it("is judged by the people rule before its scopes", () => {
    expect(fault({ scope: "" }, proxyWith({ auth_required_users: [] }))).toBe("user_not_allowed")
    expect(fault({}, proxyWith({ auth_required_emails: ["*@other.com"] }))).toBe("email_not_allowed")
    expect(fault({}, proxyWith({ auth_required_groups: ["acme/ops"] }))).toBe("group_not_allowed")
    expect(fault({ scope: "files" })).toBe("insufficient_scope")
  })

  it("passes the rule by the login, address and groups that it carries", () => {
    const rule = {
      auth_required_users: ["octocat"],
      auth_required_emails: ["*@example.com"],
      auth_required_groups: ["acme"],
    }
    expect(fault({}, proxyWith(rule))).toBe("admitted")
    const { email: _, ...unverified } = goodClaims
    expect(admissionFault(proxyWith(rule), unverified, settings)).toBe("email_not_allowed")
  })

  it("opens a proxy by a URI of the registry, with the scopes of that entry alone", () => {
    const files = "https://mcp.example.com/files"
    const registered = proxyWith({}, {}, [{ uri: files, scopes: ["files:read"] }])
    expect(fault({ aud: [files] })).toBe("wrong_audience")
    expect(fault({ aud: [files], scope: "files:read" }, registered)).toBe("admitted")
    expect(fault({ aud: ["HTTPS://mcp.example.com:443/files/"], scope: "files:read" }, registered)).toBe("admitted")
    expect(fault({ aud: [`${files}/x`], scope: "files:read" }, registered)).toBe("wrong_audience")
    expect(fault({ aud: [files], scope: "mcp:admin" }, registered)).toBe("insufficient_scope")
    expect(fault({ aud: [files, "https://other.example.com"], scope: "mcp:read" }, registered)).toBe(
      "insufficient_scope",
    )
    expect(fault({ scope: "mcp:read" }, registered)).toBe("admitted")
    expect(fault({}, proxyWith({}, {}, [{ uri: "https://mcp.example.com/mcp", scopes: ["tools"] }]))).toBe(
      "insufficient_scope",
    )
  })

  it("opens nothing through a proxy without auth settings", () => {
    expect(fault({}, proxyWith(null))).toBe("auth_off")
  })
})
