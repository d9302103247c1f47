import { authorizePath, redirectUri, registerClient, verifier } from "./flow.ts"
import { describe, expect, it } from "vitest"
import { tokenNode, node, resource, second } from "./token-node.ts"
import { oauthNode, send } from "./oauth-node.ts"
import { caughtUp } from "./caught-up.ts"

tokenNode()

const page = async (metadata: object, overrides = {}, at = node) => {
  const client = await registerClient(node, { ...metadata })
  await caughtUp(at, node)
  const answer = await send(at, authorizePath(client, verifier(), { resource, ...overrides }))
  expect(answer.status, answer.text).toBe(200)
  return answer.text
}

describe("the words of the consent page", () => {
  it("are the host that gets the answer, in bold, and the whole address behind it", async () => {
    expect(await page({})).toContain(`<strong>client.example</strong><br>${redirectUri}`)
    const native = { redirect_uris: ["com.example.app:/cb"], application_type: "native" }
    expect(await page(native)).toContain("com.example.app:/cb")
  })

  it("are each resource with its proxy, and each scope in words", async () => {
    const text = await page({}, { resource: [resource, second], scope: "mcp:read offline_access" })
    expect(text).toContain(`${resource} (mcp.test)`)
    expect(text).toContain(`${second} (second.test)`)
    expect(text).toContain("list and read tools, prompts and resources (mcp:read)")
    expect(text).toContain("stay signed in when you are away (offline_access)")
    expect(text).not.toContain("(mcp:write)")
  })

  it("warn where every return address is this computer's, and only there", async () => {
    const warning = "This application runs on your own computer."
    expect(await page({ redirect_uris: ["http://localhost/cb"] })).toContain(warning)
    expect(
      await page(
        { redirect_uris: ["http://[::1]/cb", "http://127.0.0.1/cb"] },
        { redirect_uri: "http://[::1]:5000/cb" },
      ),
    ).toContain(warning)
    expect(await page({ redirect_uris: [redirectUri, "http://127.0.0.1/cb"] })).not.toContain(warning)
  })

  it("say how the person will sign in, and what is asked of that provider", async () => {
    expect(await page({})).toContain("Sign in with an API token of this Gatehouse")
    const peer = await oauthNode({
      redisUrl: node.config.REDIS_URL!,
      masterKey: node.config.MASTER_KEY,
      decides: false,
      env: { GITHUB_CLIENT_ID: "x", GITHUB_CLIENT_SECRET: "y", OAUTH_ALLOWED_GITHUB_USERS: "octocat" },
    })
    try {
      expect(await page({}, {}, peer)).toContain("Sign in with GitHub (your public profile and e-mail addresses)")
    } finally {
      await peer.stop()
    }
  })
})
