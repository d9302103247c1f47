import { send } from "./oauth-node.ts"
import { person } from "./person.ts"
import { approve, authorizePath, registerClient, verifier } from "./flow.ts"
import { describe, expect, it } from "vitest"
import { authorizeNode, node, alice, resource, client, errorOf } from "./authorize-node.ts"

authorizeNode()

describe("requests that are answered by a page and never by a redirect", () => {
  const page = async (overrides: Record<string, string | readonly string[] | undefined>) => {
    const answer = await send(node, authorizePath(client, verifier(), { resource, ...overrides }))
    expect(answer.headers["content-type"]).toBe("text/html; charset=utf-8")
    expect(answer.headers.location).toBeUndefined()
    return answer
  }

  it.each([
    ["an unknown client", { client_id: "mcp_unknown_unknown" }],
    ["no client", { client_id: undefined }],
    ["two clients", { client_id: ["mcp_a", "mcp_b"] }],
    ["a foreign redirect URI", { redirect_uri: "https://evil.example/callback" }],
    ["a longer redirect URI", { redirect_uri: "https://client.example/callback?from=gatehouse&x=1" }],
    [
      "a redirect URI with another case in its path",
      { redirect_uri: "https://client.example/Callback?from=gatehouse" },
    ],
    ["a redirect URI with a port", { redirect_uri: "https://client.example:8443/callback?from=gatehouse" }],
    [
      "two redirect URIs",
      { redirect_uri: ["https://client.example/callback?from=gatehouse", "https://evil.example/"] },
    ],
    ["a script as redirect URI", { redirect_uri: "javascript:alert(1)" }],
  ])("%s", async (_what, overrides) => {
    expect((await page(overrides)).status).toBe(400)
  })

  it("an expired client", async () => {
    const old = await registerClient(node)
    node.clock.offset = node.config.OAUTH_CLIENT_LIFETIME * 1000 + 1000
    try {
      const answer = await send(node, authorizePath(old, verifier(), { resource }))
      expect([answer.status, answer.headers.location]).toEqual([400, undefined])
    } finally {
      node.clock.offset = 0
    }
  })

  it("has headers that keep other sites out", async () => {
    const { headers } = await page({ client_id: "mcp_unknown_unknown" })
    expect(headers["content-security-policy"]).toMatch(
      /^default-src 'none'; style-src 'sha256-[A-Za-z0-9+/]{43}='; base-uri 'none'; frame-ancestors 'none'; form-action 'none'$/,
    )
    expect(headers).toMatchObject({
      "x-frame-options": "DENY",
      "x-content-type-options": "nosniff",
      "referrer-policy": "no-referrer",
      "cache-control": "no-store",
      "cross-origin-opener-policy": "same-origin",
      "strict-transport-security": "max-age=31536000",
    })
    expect(headers["access-control-allow-origin"]).toBeUndefined()
  })
})

describe("requests whose error goes back to the client", () => {
  it.each([
    ["no response type", { response_type: undefined }, "invalid_request"],
    ["an implicit grant", { response_type: "token" }, "unsupported_response_type"],
    ["an answer in the fragment", { response_mode: "fragment" }, "invalid_request"],
    ["an answer by a form post", { response_mode: "form_post" }, "invalid_request"],
    ["an answer in no mode that there is", { response_mode: "QUERY" }, "invalid_request"],
    ["no challenge", { code_challenge: undefined, code_challenge_method: undefined }, "invalid_request"],
    ["a challenge without a method, which means plain", { code_challenge_method: undefined }, "invalid_request"],
    ["a plain challenge", { code_challenge_method: "plain" }, "invalid_request"],
    ["a challenge that is no S256", { code_challenge: "x".repeat(42) }, "invalid_request"],
    ["a challenge with padding", { code_challenge: `${"x".repeat(43)}=` }, "invalid_request"],
    ["a parameter given twice", { scope: ["mcp:read", "mcp:read"] }, "invalid_request"],
    ["an unknown parameter given twice", { anything: ["1", "2"] }, "invalid_request"],
    ["a state without end", { state: "x".repeat(2049) }, "invalid_request"],
    ["a request object", { request: "e30.e30." }, "request_not_supported"],
    ["a request by reference", { request_uri: "https://client.example/r" }, "request_uri_not_supported"],
    ["scopes that nobody has", { scope: "openid profile" }, "invalid_scope"],
    ["administration, which no rule gives to anyone", { scope: "mcp:admin" }, "invalid_scope"],
    ["text that is no scope", { scope: 'mcp:read "' }, "invalid_scope"],
    ["an unknown resource", { resource: "https://elsewhere.test/mcp" }, "invalid_target"],
    [
      "a known resource besides an unknown one",
      { resource: ["https://mcp.test:8443/mcp", "https://elsewhere.test/"] },
      "invalid_target",
    ],
    ["a resource on another path", { resource: "https://mcp.test:8443/mcpx" }, "invalid_target"],
    ["a resource without the port", { resource: "https://mcp.test/mcp" }, "invalid_target"],
    ["a resource with a fragment", { resource: "https://mcp.test:8443/mcp#a" }, "invalid_target"],
    ["a relative resource", { resource: "/mcp" }, "invalid_target"],
    [
      "too many resources",
      { resource: Array.from({ length: 6 }, () => "https://mcp.test:8443/mcp") },
      "invalid_target",
    ],
    ["prompt none with another", { prompt: "none login" }, "invalid_request"],
    ["a max_age that is no number", { max_age: "-1" }, "invalid_request"],
  ])("%s", async (_what, overrides, error) => {
    expect(await errorOf(overrides)).toBe(error)
  })

  it("returns the state byte for byte, and no parameter of the request in the description", async () => {
    const state = `a&b=c#d%20é"<script>`
    const answer = await send(node, authorizePath(client, verifier(), { resource, state, scope: "made-up-scope" }))
    expect(answer.location!.searchParams.get("state")).toBe(state)
    expect(answer.location!.searchParams.get("error_description")).not.toContain("made-up")
  })

  it("refuses somebody whom the resource's rule does not name", async () => {
    const answer = await approve(
      node,
      authorizePath(client, verifier(), { resource: "https://other.test:8443/mcp" }),
      alice,
    )
    expect(answer.location!.searchParams.get("error")).toBe("access_denied")
    expect(answer.location!.searchParams.get("error_description")).toContain("another account")
    expect(answer.location!.href, "the client learns no name").not.toContain("alice")
    expect(answer.headers["set-cookie"]).toBeUndefined()
  })

  it("refuses when only one of two resources allows the person", async () => {
    const both = ["https://other.test:8443/mcp", resource]
    const answer = await approve(node, authorizePath(client, verifier(), { resource: both }), alice)
    expect(answer.location!.searchParams.get("error")).toBe("access_denied")
  })

  it("offers a signed-in but refused person another account", async () => {
    const who = person(node)
    await approve(node, authorizePath(client, verifier(), { resource }), alice, who)
    const consent = await who.visit(authorizePath(client, verifier(), { resource: "https://other.test:8443/mcp" }))
    const allowed = await who.submit(consent, { decision: "allow" })
    const login = await who.visit(allowed.location!.pathname + allowed.location!.search)
    expect(login.text).toContain("You are signed in as alice, who may not use this")
  })
})

describe("requests that are good", () => {
  it.each([
    ["either form of a resource, in any spelling of the host", { resource: "HTTPS://MCP.test:8443/" }],
    ["no redirect URI where only one is registered", { redirect_uri: undefined }],
    ["no state", { state: undefined }],
    ["an empty state", { state: "" }],
    ["the one response mode by its name", { response_mode: "query" }],
    ["scopes of which some are unknown", { scope: "openid mcp:read" }],
    ["resources up to the limit", { resource: Array.from({ length: 5 }, () => "https://mcp.test:8443/mcp") }],
  ])("%s", async (_what, overrides) => {
    const answer = await approve(node, authorizePath(client, verifier(), { resource, ...overrides }), alice)
    expect(answer.location!.searchParams.get("code"), answer.location?.href).toMatch(
      /^[0-9a-f-]{36}\.[A-Za-z0-9_-]{43}$/,
    )
    if ("state" in overrides) expect(answer.location!.searchParams.has("state")).toBe(false)
  })

  it("a form post", async () => {
    const query = new URLSearchParams(authorizePath(client, verifier(), { resource }).split("?")[1])
    expect((await send(node, "/authorize/", { form: query })).status).toBe(200)
  })

  it("another port of a loopback redirect URI", async () => {
    const native = await registerClient(node, { redirect_uris: ["http://127.0.0.1/cb", "http://localhost:3000/cb"] })
    for (const uri of ["http://127.0.0.1:49152/cb", "http://localhost:1/cb"]) {
      const answer = await approve(node, authorizePath(native, verifier(), { resource, redirect_uri: uri }), alice)
      expect(`${answer.location!.origin}${answer.location!.pathname}`).toBe(uri)
    }
    for (const uri of [
      "http://127.0.0.1:49152/cb2",
      "http://[::1]:1/cb",
      "http://127.0.0.1:1@evil.example/cb",
      "https://127.0.0.1:1/cb",
    ])
      expect((await send(node, authorizePath(native, verifier(), { resource, redirect_uri: uri }))).status, uri).toBe(
        400,
      )
  })

  it("needs a redirect URI where several are registered", async () => {
    const two = await registerClient(node, { redirect_uris: ["https://a.example/cb", "https://b.example/cb"] })
    expect((await send(node, authorizePath(two, verifier(), { resource, redirect_uri: undefined }))).status).toBe(400)
  })
})

describe("without a resource in the request", () => {
  it("names no audience where several resources could be meant", async () => {
    const who = person(node)
    const codeVerifier = verifier()
    const answer = await approve(node, authorizePath(client, codeVerifier), alice, who)
    const form = {
      grant_type: "authorization_code",
      client_id: client.client_id,
      redirect_uri: client.redirect_uri,
      code: answer.location!.searchParams.get("code")!,
      code_verifier: codeVerifier,
    }
    const tokens = (await send(node, "/token", { form })).json<{ access_token: string }>()
    const claims = JSON.parse(Buffer.from(tokens.access_token.split(".")[1]!, "base64url").toString()) as {
      aud: string[]
    }
    expect(claims.aud).toEqual([node.issuer])
  })
})
