import { type DocumentSite, documentSite } from "../oauth/document-site.ts"
import { type Installation, type Node, eventually, installation, startNode } from "../support/gatehouse.ts"
import { type McpServer, startMcpServer } from "../support/mcp-server.ts"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { agent, browser } from "../support/browser.ts"
import { Client } from "@modelcontextprotocol/sdk/client/index.js"
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js"
import { fetch } from "undici"
import { freePort } from "../support/ports.ts"
import { join } from "node:path"
import { mcpLogin } from "../support/mcp-login.ts"
import { proofKey } from "../support/dpop.ts"
import { readFileSync, writeFileSync } from "node:fs"
import { redisServer } from "../support/redis-server.ts"
import { startPebble } from "../support/pebble.ts"

let redis: Awaited<ReturnType<typeof redisServer>>
let pebble: Awaited<ReturnType<typeof startPebble>>
let mcp: McpServer
let site: DocumentSite
let shared: Installation
let node: Node
let roots: string[]
let alice: string

beforeAll(async () => {
  ;[redis, pebble, mcp, site] = [
    await redisServer(),
    await startPebble({ httpPort: await freePort() }),
    await startMcpServer(),
    await documentSite(),
  ]
  const trusted = join(pebble.caFile, "../trusted.pem")
  writeFileSync(trusted, readFileSync(pebble.caFile, "utf8") + site.ca)
  shared = installation(redis.url)
  node = await startNode(shared, {
    HTTP_PORT: String(pebble.httpPort),
    ACME_DIRECTORY_URL: pebble.directoryUrl,
    ACME_STAGING_URL: pebble.directoryUrl,
    ACME_POLL_INTERVAL_SECONDS: "0.1",
    NODE_EXTRA_CA_CERTS: trusted,
  })
  roots = [await pebble.issuingRoot()]
  alice = (await node.api<{ token: string }>("POST", "/api/v1/tokens", { name: "alice" })).body.token
  for (const domain of ["mcp.test", "auth.localhost"]) {
    await node.api("POST", "/api/v1/certificates", { domain, issuer: "acme" })
    const name = `proxy-${domain.replaceAll(".", "-")}`
    await eventually(
      `a certificate for ${domain}`,
      async () => {
        const status = await node.api<{ status: string }>(
          "GET",
          `/api/v1/certificates/${name}/status?wait=true&timeout=10`,
        )
        return status.body.status === "active"
      },
      30_000,
    )
  }
  await node.api("POST", "/api/v1/proxy/targets", { hostname: "mcp.test", target_url: mcp.url })
  await node.api("POST", "/api/v1/proxy/targets/mcp.test/auth", { auth_proxy: "auth.localhost" })
  await node.api("POST", "/api/v1/proxy/targets/mcp.test/mcp", {})
})

afterAll(async () => {
  await node?.stop()
  await site?.stop()
  await mcp?.stop()
  await pebble?.stop()
  await redis?.stop()
})

const url = () => `https://mcp.test:${node.httpsPort}/mcp`
const issuer = () => `https://auth.localhost:${node.httpsPort}`

describe("a client that is known by its document", () => {
  it("finds its way by itself with @modelcontextprotocol/sdk, without registering", async () => {
    const login = mcpLogin(roots, alice)
    const id = site.publish("/mcp-client.json", {
      ...(login.provider["clientMetadata"] as object),
      client_id: `${site.origin}/mcp-client.json`,
      client_name: "Described by itself",
    })
    const provider = { ...login.provider, clientMetadataUrl: id }
    const connect = () =>
      new StreamableHTTPClientTransport(new URL(url()), { authProvider: provider as never, fetch: login.fetch })
    const first = connect()
    await expect(new Client({ name: "e2e", version: "1" }).connect(first as never)).rejects.toThrow("Unauthorized")
    expect(login.pages[0]!.text).toContain("Described by itself")
    await first.finishAuth(login.callback().searchParams.get("code")!)
    const session = new Client({ name: "e2e", version: "1" })
    await session.connect(connect())
    expect((await session.listTools()).tools.length).toBeGreaterThan(0)
    await session.close()
    expect(login.clientId()).toBe(id)
    const clients = await node.api<{ clients: { client_id: string; kind: string }[] }>("GET", "/api/v1/oauth/clients")
    expect(clients.body.clients).toMatchObject([{ client_id: id, kind: "cimd" }])
  })
})

describe("a device that binds its tokens to a key", () => {
  it("gets through a proxy that asks for that, with a proof for each request", async () => {
    await node.api("POST", "/api/v1/proxy/targets/mcp.test/auth", {
      auth_proxy: "auth.localhost",
      auth_require_dpop: true,
    })
    const dispatcher = agent(roots)
    const metadata = await fetch(`https://mcp.test:${node.httpsPort}/.well-known/oauth-protected-resource/mcp`, {
      dispatcher,
    })
    expect(await metadata.json()).toMatchObject({ dpop_bound_access_tokens_required: true })
    const post = async (path: string, form: Record<string, string>, headers = {}) => {
      const answer = await fetch(issuer() + path, {
        method: "POST",
        body: new URLSearchParams(form).toString(),
        headers: { "content-type": "application/x-www-form-urlencoded", ...headers },
        dispatcher,
      })
      return (await answer.json()) as Record<string, string>
    }
    const grant = "urn:ietf:params:oauth:grant-type:device_code"
    const registration = { client_name: "Device", grant_types: [grant], token_endpoint_auth_method: "none" }
    const registered = await fetch(`${issuer()}/register`, {
      method: "POST",
      body: JSON.stringify(registration),
      headers: { "content-type": "application/json" },
      dispatcher,
    })
    const { client_id } = (await registered.json()) as { client_id: string }
    const asked = await post("/device_authorization", { client_id, resource: url() })
    const person = browser(dispatcher)
    const consent = await person.submit(await person.fetch(asked["verification_uri_complete"]!), {
      user_code: asked["user_code"]!,
    })
    const decided = await person.submit(consent, { decision: "allow" })
    const done = await person.submit(await person.fetch(decided.location!), { token: alice })
    expect(done.text).toContain("Access granted")
    const key = await proofKey()
    const dpop = await key.proof({ method: "POST", url: `${issuer()}/token` })
    const tokens = await post("/token", { grant_type: grant, client_id, device_code: asked["device_code"]! }, { dpop })
    expect(tokens["token_type"]).toBe("DPoP")
    const token = tokens["access_token"]!
    const body = JSON.stringify({
      jsonrpc: "2.0",
      id: 1,
      method: "initialize",
      params: { protocolVersion: "2025-06-18", capabilities: {}, clientInfo: { name: "e2e", version: "1" } },
    })
    const call = async (headers: Record<string, string>) => {
      const answer = await fetch(url(), {
        method: "POST",
        body,
        headers: { "content-type": "application/json", accept: "application/json, text/event-stream", ...headers },
        dispatcher,
      })
      await answer.body?.cancel()
      return [answer.status, (answer.headers.get("www-authenticate") ?? "").includes("DPoP ")]
    }
    const proof = () => key.proof({ method: "POST", url: url(), token })
    const good = { authorization: `DPoP ${token}`, dpop: await proof() }
    expect(await call(good)).toEqual([200, false])
    expect(await call(good)).toEqual([401, true])
    expect(await call({ authorization: `DPoP ${token}` })).toEqual([401, true])
    expect(await call({ authorization: `Bearer ${token}` })).toEqual([401, true])
    expect(await call({ authorization: `DPoP ${token}`, dpop: await proof() })).toEqual([200, false])
    expect(node.log()).toContain('"lease":"effects:oauth-hygiene"')
    expect(node.log()).not.toContain("oauth_sweep_failed")
  })
})
