import { type OAuthNode, apiToken, oauthNode, protectedProxy, send } from "./oauth-node.ts"
import { type RedisServer, redisServer } from "../support/redis-server.ts"
import {
  type TestClient,
  authorizePath,
  refreshing,
  registerClient,
  tokenRequest,
  tokensFor,
  verifier,
} from "./flow.ts"
import { afterAll, beforeAll, expect, it } from "vitest"

let redis: RedisServer
let node: OAuthNode
let alice: string
let client: TestClient
const files = "https://mcp.test:8443/files"

beforeAll(async () => {
  redis = await redisServer()
  node = await oauthNode({ redisUrl: redis.url, env: { TRUSTED_PROXIES: "127.0.0.0/8" } })
  await node.ensureSigningKey()
  alice = await apiToken(node, "alice")
  await protectedProxy(node, "mcp.test")
  client = await registerClient(node)
})

afterAll(async () => {
  await node?.stop()
  await redis?.stop()
})

const claims = (token: string) =>
  JSON.parse(Buffer.from(token.split(".")[1]!, "base64url").toString()) as { aud: unknown; scope: string }
const refused = async (overrides: Record<string, string>) =>
  (await send(node, authorizePath(client, verifier(), overrides))).location?.searchParams.get("error")
const verified = async (token: string) =>
  (await send(node, "/verify", { headers: { authorization: `Bearer ${token}`, "x-forwarded-host": "mcp.test" } }))
    .status

it("a URI is a resource from its registration to its deletion, with scopes of its own", async () => {
  expect(await refused({ resource: files })).toBe("invalid_target")
  await node.execute("RegisterResource", {
    uri: files,
    name: "Files",
    proxy_target: "mcp.test",
    scopes: ["files:read", "files:write"],
  })
  const tokens = await tokensFor(node, client, alice, {
    resource: "https://MCP.test:8443/files/",
    scope: "files:read mcp:read",
  })
  expect([claims(tokens.access_token).aud].flat()).toEqual([files])
  expect(tokens.scope.split(" ")).toEqual(["files:read"])
  expect(await verified(tokens.access_token)).toBe(200)
  expect(await refused({ resource: files, scope: "mcp:read" })).toBe("invalid_scope")

  await node.execute("UpdateResource", { uri: files, changes: { scopes: ["files:admin"] } })
  expect(await verified(tokens.access_token)).toBe(403)

  await node.execute("DeleteResource", { uri: files })
  expect(await verified(tokens.access_token)).toBe(401)
  expect((await tokenRequest(node, refreshing(client, tokens.refresh_token))).json()).toMatchObject({
    error: "invalid_target",
  })
  expect(await refused({ resource: files })).toBe("invalid_target")
})

it("an entry for the proxy's own URI takes the place of its MCP scopes", async () => {
  const own = "https://mcp.test:8443/mcp"
  await node.execute("RegisterResource", { uri: own, name: "Own", proxy_target: "mcp.test", scopes: ["tools"] })
  const { scopes_supported } = (await send(node, "/.well-known/oauth-authorization-server")).json<{
    scopes_supported: string[]
  }>()
  expect(scopes_supported).toContain("tools")
  expect((await tokensFor(node, client, alice, { resource: own })).scope.split(" ")).toContain("tools")
  // Still the only resource there is: a client that names none means it.
  expect([claims((await tokensFor(node, client, alice)).access_token).aud].flat()).toEqual([own])
  await node.execute("RegisterResource", { uri: files, name: "Files", proxy_target: "mcp.test" })
  expect([claims((await tokensFor(node, client, alice)).access_token).aud].flat()).not.toContain(own)
})
