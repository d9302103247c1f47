import { type Server, createServer } from "node:http"
import { addGrant, addKey, defaultMcp, openAuth } from "../../support/access-tokens.ts"
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest"
import { type TestEdge, testEdge } from "../../support/edge.ts"
import { rawExchange, statuses } from "../../support/raw-client.ts"
import { once } from "node:events"
import { resourceMetadata } from "../../../src/edge/resource-metadata.ts"

const host = "mcp.example.com"
const path = "/.well-known/oauth-protected-resource/mcp"
const good = {
  resource: `https://${host}/mcp`,
  authorization_servers: ["https://auth.example.com"],
  scopes_supported: ["files:read"],
  resource_documentation: "https://docs.example.com",
}

let edge: TestEdge
let backend: Server
let port: number
let asked: { url: string; host: string }[] = []
let reply: { status: number; type: string; body: string; headers?: Record<string, string>; hang?: boolean }
const dialled = new Set<string>()
let forbidden = false

beforeAll(async () => {
  backend = createServer((req, res) => {
    asked.push({ url: req.url!, host: req.headers.host! })
    if (reply.hang === true) return
    res.writeHead(reply.status, { "content-type": reply.type, ...reply.headers }).end(reply.body)
  })
  backend.listen(0, "127.0.0.1")
  await once(backend, "listening")
  ;({ port } = backend.address() as { port: number })
  edge = await testEdge(
    { PUBLIC_HTTPS_PORT: "443" },
    {
      metadata: (proxy, method, asked) => resourceMetadata(proxy, method, asked, 443),
      allowAddress(address) {
        dialled.add(address)
        return !forbidden
      },
    },
  )
  addGrant(edge.projections.world)
  await addKey(edge.projections.world, "EdDSA")
  edge.proxy(host, port)
})
beforeEach(() => {
  asked = []
  forbidden = false
  reply = { status: 200, type: "application/json", body: JSON.stringify(good) }
  set({}, {})
})
afterAll(async () => {
  await edge.close(0)
  backend.closeAllConnections()
  backend.close()
})

/** A change of the proxy is also what makes the edge ask anew. */
function set(auth: object | null, mcp: object): void {
  edge.projections.append("proxy", host, "ProxyAuthSet", { ...openAuth, ...(auth ?? { auth_enabled: false }) })
  edge.projections.append("proxy", host, "ProxyMcpSet", { ...defaultMcp, ...mcp })
}
async function document(method = "GET", at = path): Promise<Record<string, unknown>> {
  const text = await rawExchange(
    edge.httpPort,
    `${method} ${at} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`,
  )
  expect(statuses(text)).toEqual([200])
  expect(text).toContain("Access-Control-Allow-Origin: *")
  return method === "HEAD" ? {} : (JSON.parse(text.split("\r\n\r\n")[1]!) as Record<string, unknown>)
}
const isOurs = async () => (await document())["resource_name"] === host

describe("the metadata document of a backend", () => {
  it("wins when it is valid, from the first answer on, and is asked for once", async () => {
    expect(await document()).toEqual(good)
    expect(await Promise.all([document(), document(), document("HEAD")])).toHaveLength(3)
    expect(asked).toEqual([{ url: path, host }])
  })

  it("gives way when ours is to be shown always, and then the backend is not asked", async () => {
    set({}, { mcp_override_backend: true })
    expect(await isOurs()).toBe(true)
    expect(asked).toEqual([])
  })

  it.each([
    ["another resource", { ...good, resource: "https://other.example.com/mcp" }],
    ["another authorization server", { ...good, authorization_servers: ["https://login.example.com"] }],
    ["no authorization server", { ...good, authorization_servers: undefined }],
    ["no resource", { ...good, resource: undefined }],
    ["a resource that is no text", { ...good, resource: [good.resource] }],
    ["servers that are no list", { ...good, authorization_servers: "https://auth.example.com" }],
    ["a list", [good]],
  ])("with %s is not shown behind our guard", async (_, body) => {
    reply.body = JSON.stringify(body)
    expect(await isOurs()).toBe(true)
    expect(asked).toHaveLength(1)
  })

  it.each([
    ["404", { status: 404 }],
    ["a redirect", { status: 302, headers: { location: "/" } }],
    ["HTML", { type: "text/html" }],
    ["no JSON", { body: "{" }],
    ["a member twice", { body: `{"resource":"x",${JSON.stringify(good).slice(1)}` }],
    ["too much", { body: JSON.stringify({ ...good, x: "x".repeat(70_000) }) }],
    ["a content coding", { headers: { "content-encoding": "gzip" } }],
  ])("that comes as %s is not shown", async (_, change) => {
    Object.assign(reply, change)
    expect(await isOurs()).toBe(true)
  })

  it("may say what it likes where the backend signs its users in by itself", async () => {
    set(null, {})
    const own = { resource: "https://elsewhere.example.com/mcp", authorization_servers: ["https://login.example.com"] }
    reply.body = JSON.stringify(own)
    expect(await document()).toEqual(own)
  })

  it("is never waited for longer than a moment, and never fetched from where requests may not go", async () => {
    reply.hang = true
    expect(await isOurs()).toBe(true)
    forbidden = true
    set({}, {})
    asked = []
    expect(await isOurs()).toBe(true)
    expect(asked).toEqual([])
    expect([...dialled]).toEqual(["127.0.0.1"])
  })

  it("follows a change of the proxy", async () => {
    expect(await document()).toEqual(good)
    reply.status = 404
    set({}, { mcp_scopes: ["mcp:read"] })
    expect(await isOurs()).toBe(true)
  })
})
