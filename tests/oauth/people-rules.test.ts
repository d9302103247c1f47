import { type Tokens, approve, authorizePath, redemption, registerClient, tokenRequest, verifier } from "./flow.ts"
import { alice, authorizeNode, client, errorOf, node, resource } from "./authorize-node.ts"
import { describe, expect, it } from "vitest"
import { apiToken, protectedProxy, send } from "./oauth-node.ts"

authorizeNode()

const port = ":8443/mcp"

/** Error that somebody's authorization ends with, or the scope of their tokens. */
async function outcome(of: string, who = alice, overrides: object = {}) {
  const codeVerifier = verifier()
  const path = authorizePath(client, codeVerifier, { resource: of, ...overrides })
  const back = (await approve(node, path, who)).location!.searchParams
  if (back.has("error")) return back.get("error")
  return (await tokenRequest(node, redemption(client, back.get("code")!, codeVerifier))).json<Tokens>().scope
}

describe("the rule of a resource at the login", () => {
  it("takes no address for somebody's that nobody verified", async () => {
    const mails = await protectedProxy(node, "mails.test", { auth_required_emails: ["*@example.org"] })
    expect(await outcome(mails)).toBe("access_denied")
    const anybody = await protectedProxy(node, "anybody.test", { auth_required_emails: ["*"] })
    expect(await outcome(anybody), "anybody who is signed in").toBe("mcp:read mcp:write")
  })

  it("joins kinds by AND, and denies everybody with an empty list", async () => {
    const users = { auth_required_users: ["ALICE"] }
    await protectedProxy(node, "one.test", users)
    await protectedProxy(node, "both.test", { ...users, auth_required_groups: ["nobody"] })
    await protectedProxy(node, "empty.test", { auth_required_users: [] })
    expect(await outcome(`https://one.test${port}`)).toBe("mcp:read mcp:write")
    expect(await outcome(`https://both.test${port}`)).toBe("access_denied")
    expect(await outcome(`https://empty.test${port}`)).toBe("access_denied")
  })

  it("is not met by a name in the form of somebody's subject", async () => {
    await protectedProxy(node, "subject.test", { auth_required_users: ["local-alice"] })
    const posing = await apiToken(node, "alice2")
    expect(await outcome(`https://subject.test${port}`)).toBe("mcp:read mcp:write")
    expect(await outcome(`https://subject.test${port}`, posing)).toBe("access_denied")
  })
})

describe("the scope of administration", () => {
  it("is on offer only where a rule gives it to somebody, and never by default", async () => {
    const mcp_scopes = ["mcp:read", "mcp:admin"]
    const unruled = await protectedProxy(node, "unruled.test", {}, { mcp_scopes })
    const page = await send(node, authorizePath(client, verifier(), { resource: unruled, scope: "mcp:read mcp:admin" }))
    expect(page.text).not.toContain("mcp:admin")
    expect(await errorOf({ resource: unruled, scope: "mcp:admin" })).toBe("invalid_scope")
    expect(await outcome(unruled)).toBe("mcp:read")
    const mcp_scope_rules = [{ scope: "mcp:admin", users: ["alice"] }]
    const ruled = await protectedProxy(node, "ruled.test", {}, { mcp_scopes, mcp_scope_rules })
    expect(await outcome(ruled)).toBe("mcp:read")
    expect(await outcome(ruled, alice, { scope: "mcp:admin" })).toBe("mcp:admin")
  })

  it("of several resources only what all of them have is granted", async () => {
    const narrow = await protectedProxy(node, "narrow.test", {}, { mcp_scopes: ["mcp:read", "x:y"] })
    expect(await outcome(narrow)).toBe("mcp:read x:y")
    expect(await outcome("", alice, { resource: [narrow, resource] })).toBe("mcp:read")
    const other = await registerClient(node)
    const path = authorizePath(other, verifier(), { resource: [narrow, resource], scope: "x:y" })
    expect((await send(node, path)).location!.searchParams.get("error")).toBe("invalid_scope")
  })
})
