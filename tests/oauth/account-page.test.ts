import { describe, expect, it } from "vitest"
import { accountPage } from "../../src/oauth/account-page.ts"

const session = {
  handle: "h",
  session_id: "s",
  credential: null,
  csrf: "the-csrf-token",
  ip: "192.0.2.1",
  opened: 0,
  seen: 0,
  ends: 1,
  user: {
    provider: "oidc",
    subject: "oidc-company-1",
    username: "<ann>",
    name: null,
    email: null,
    emailVerified: false,
    groups: [],
    authTime: 0,
  },
} as const
const grant = {
  grant_id: "11111111-1111-4111-8111-111111111111",
  client_id: "https://client.example/<c>.json",
  subject: "oidc-company-1",
  username: "ann",
  email: null,
  email_verified: false,
  provider: "oidc",
  scope: "mcp:read files:<x>",
  resources: ["https://mcp.test/mcp"],
  redirect_uri: null,
  created_at: "2026-01-02T03:04:05.000Z",
}
const used = { requests: 1234, last: Date.parse("2026-02-03T04:05:06.000Z"), hosts: new Map(), addresses: new Map() }

const text = (rows: Parameters<typeof accountPage>[1], hosts: readonly string[] = []) =>
  accountPage(session, rows, hosts).text()

describe("the account page", () => {
  it("tells of each application what it may do, since when, and when it was last used", async () => {
    const lastToken = "2026-02-03T04:00:00.000Z"
    const page = await text([{ grant, clientName: "Client & <Co>", lastToken, used }])
    for (const part of [
      "Client &amp; &lt;Co&gt;",
      "https://client.example/&lt;c&gt;.json",
      "https://mcp.test/mcp",
      "mcp:read files:&lt;x&gt;",
      "2026-01-02 03:04 UTC",
      "<dt>Last renewed</dt><dd>2026-02-03 04:00 UTC</dd>",
      "<dt>Last used</dt><dd>2026-02-03 04:05 UTC, 1234 requests in all</dd>",
      '<input type="hidden" name="csrf" value="the-csrf-token">',
      `<input type="hidden" name="grant" value="${grant.grant_id}">`,
    ])
      expect(page).toContain(part)
  })

  it("says nothing of what is not known, instead of a number that is made up", async () => {
    const page = await text([{ grant, clientName: null, lastToken: null, used: undefined }])
    expect(page).toContain("An application without a name")
    expect(page).not.toMatch(/Last used|Last renewed|requests/)
  })

  it("names the hosts that this browser is signed in at, and shows names as text", async () => {
    const page = await text([], ["app.test", "wiki.test"])
    expect(page).toContain("This browser is signed in at app.test, wiki.test.")
    expect(page).toContain("No application has access in your name.")
    expect(page).toContain("<strong>&lt;ann&gt;</strong>")
    expect(await text([])).not.toContain("This browser is signed in at")
  })
})
