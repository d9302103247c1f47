import * as tls from "node:tls"
import { Client as Client2, StreamableHTTPClientTransport as Transport2 } from "@modelcontextprotocol/client"
import { type Copy, newCopy } from "../support/copy.ts"
import { type McpServer, startMcpServer } from "../support/mcp-server.ts"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { Client as Client1 } from "@modelcontextprotocol/sdk/client/index.js"
import { StreamableHTTPClientTransport as Transport1 } from "@modelcontextprotocol/sdk/client/streamableHttp.js"
import { agent } from "../support/browser.ts"
import { fetch } from "undici"
import { freePort } from "../support/ports.ts"
import { mcpLogin } from "../support/mcp-login.ts"
import { eventually } from "../support/gatehouse.ts"
import { startPebble } from "../support/pebble.ts"

type Pebble = Awaited<ReturnType<typeof startPebble>>

interface LoggedEvent {
  position: number
  type: string
  actor: string
  command: string
  command_id: string
  correlation_id: string
}

let pebble: Pebble
let mcp: McpServer
let node: Copy
let httpsPort: number
let roots: string[]
let alice: { name: string; token: string }

// As `just up` starts it: its own Redis, its own secrets, in the background.
beforeAll(async () => {
  pebble = await startPebble({ httpPort: await freePort() })
  mcp = await startMcpServer()
  node = await newCopy({
    HTTP_PORT: String(pebble.httpPort),
    ADMIN_EMAIL: "admin@example.com",
    ACME_DIRECTORY_URL: pebble.directoryUrl,
    ACME_STAGING_URL: pebble.directoryUrl,
    ACME_POLL_INTERVAL_SECONDS: "0.1",
    NODE_EXTRA_CA_CERTS: pebble.caFile,
  })
  httpsPort = Number(node.env["HTTPS_PORT"])
  const { code, output, errors } = await node.stack("up")
  if (code !== 0) throw new Error(`up ended with ${code}:\n${output}${errors}`)
  roots = [await pebble.issuingRoot()]
})

afterAll(async () => {
  await node?.remove()
  await mcp?.stop()
  await pebble?.stop()
})

const url = () => new URL(`https://mcp.test:${httpsPort}/mcp`)

/** Leaf certificate that a new handshake with this name gets, verified against the given roots. */
function handshake(servername: string, ca = roots): Promise<tls.PeerCertificate> {
  return new Promise((resolve, reject) => {
    const socket = tls.connect({ host: "127.0.0.1", port: httpsPort, servername, ca }, () => {
      resolve(socket.getPeerCertificate())
      socket.end()
    })
    socket.once("error", reject)
  })
}

describe("from a token to a tool call", () => {
  it("creates a token for an owner", async () => {
    const answer = await node.api<typeof alice>("POST", "/api/v1/tokens", {
      name: "alice",
      cert_email: "alice@example.com",
    })
    expect(answer.status).toBe(201)
    expect(answer.body.token).toMatch(/^acm_[A-Za-z0-9_-]{43}$/)
    alice = answer.body
  })

  it("gets certificates from the CA for the proxy and the OAuth host", async () => {
    for (const domain of ["mcp.test", "auth.localhost"]) {
      const created = await node.api("POST", "/api/v1/certificates", { domain, issuer: "acme" })
      expect(created.status, JSON.stringify(created.body)).toBe(201)
      const status = await node.api<{ status: string }>(
        "GET",
        `/api/v1/certificates/proxy-${domain.replaceAll(".", "-")}/status?wait=true&timeout=30`,
      )
      expect(status.body).toMatchObject({ status: "active" })
    }
    const proxy = await node.api<{ certificate_status: string }>("POST", "/api/v1/proxy/targets", {
      hostname: "mcp.test",
      target_url: mcp.url,
    })
    expect(proxy.status, JSON.stringify(proxy.body)).toBe(201)
    expect(proxy.body.certificate_status).toBe("existing")
    const leaf = await eventually("the certificate is served", () => handshake("mcp.test"))
    expect(leaf.subjectaltname).toContain("DNS:mcp.test")
  })

  it("protects the proxy", async () => {
    const auth = await node.api("POST", "/api/v1/proxy/targets/mcp.test/auth", {
      auth_proxy: "auth.localhost",
      auth_required_users: ["alice"],
    })
    expect(auth.status, JSON.stringify(auth.body)).toBe(200)
    const settings = await node.api("POST", "/api/v1/proxy/targets/mcp.test/mcp", {})
    expect(settings.status, JSON.stringify(settings.body)).toBe(200)
    const refused = await fetch(url(), {
      method: "POST",
      body: "{}",
      headers: { "content-type": "application/json" },
      dispatcher: agent(roots),
    })
    expect(refused.status).toBe(401)
    expect(refused.headers.get("www-authenticate")).toContain(
      `resource_metadata="https://mcp.test:${httpsPort}/.well-known/oauth-protected-resource/mcp"`,
    )
  })

  it("lets @modelcontextprotocol/sdk 1.32 find its way by itself and streams a result", async () => {
    const login = mcpLogin(roots, alice.token)
    const connect = () => new Transport1(url(), { authProvider: login.provider as never, fetch: login.fetch })
    const client = () => new Client1({ name: "e2e", version: "1" })
    const first = connect()
    await expect(client().connect(first as never)).rejects.toThrow("Unauthorized")
    await first.finishAuth(login.callback().searchParams.get("code")!)
    const session = client()
    await session.connect(connect())
    const tools = await session.listTools()
    expect(tools.tools.map((tool) => tool.name)).toContain("trigger-long-running-operation")
    const progress: number[] = []
    const result = await session.callTool(
      { name: "trigger-long-running-operation", arguments: { duration: 0.3, steps: 3 } },
      undefined,
      { onprogress: (step) => progress.push(step.progress) },
    )
    expect(progress).toEqual([1, 2, 3])
    expect(JSON.stringify(result.content)).toContain("completed")
    await session.close()
  })

  it("lets @modelcontextprotocol/client 2.4 do the same", async () => {
    const login = mcpLogin(roots, alice.token)
    const connect = () => new Transport2(url(), { authProvider: login.provider as never, fetch: login.fetch })
    const client = () => new Client2({ name: "e2e", version: "1" })
    const first = connect()
    await expect(client().connect(first)).rejects.toThrow("Unauthorized")
    const callback = login.callback().searchParams
    expect(callback.get("iss")).toBe(`https://auth.localhost:${httpsPort}`)
    await first.finishAuth(callback)
    const session = client()
    await session.connect(connect())
    const result = await session.callTool({ name: "echo", arguments: { message: "through the gate" } })
    expect(JSON.stringify(result.content)).toContain("through the gate")
    await session.close()
  })

  it("keeps a person out whom the rule does not name", async () => {
    const created = await node.api<{ token: string }>("POST", "/api/v1/tokens", { name: "mallory" })
    const login = mcpLogin(roots, created.body.token)
    const transport = new Transport2(url(), { authProvider: login.provider as never, fetch: login.fetch })
    await expect(new Client2({ name: "e2e", version: "1" }).connect(transport)).rejects.toThrow("Unauthorized")
    expect(login.callback().searchParams.get("error")).toBe("access_denied")
    expect(login.callback().searchParams.get("code")).toBeNull()
  })

  it("renews under an open connection: that one lives on, the next handshake sees the new certificate", async () => {
    const before = await handshake("mcp.test")
    const socket = tls.connect({ host: "127.0.0.1", port: httpsPort, servername: "mcp.test", ca: roots })
    await new Promise((resolve) => socket.once("secureConnect", resolve))
    let received = ""
    socket.on("data", (chunk: Buffer) => (received += chunk.toString()))
    const ask = () =>
      socket.write(`GET /.well-known/oauth-protected-resource HTTP/1.1\r\nHost: mcp.test:${httpsPort}\r\n\r\n`)
    ask()
    await eventually(
      "the first answer",
      async () => received.includes("200 OK") && received.includes("authorization_servers"),
    )
    const renewed = await node.api("POST", "/api/v1/certificates/proxy-mcp-test/renew", { force: true })
    expect(renewed.status).toBe(202)
    const after = await eventually(
      "a new certificate",
      async () => {
        const leaf = await handshake("mcp.test")
        return leaf.serialNumber !== before.serialNumber && leaf
      },
      20_000,
    )
    expect(after.subjectaltname).toContain("DNS:mcp.test")
    received = ""
    ask()
    await eventually("the second answer on the old connection", async () => received.includes("authorization_servers"))
    expect(socket.destroyed).toBe(false)
    socket.destroy()
  })

  it("has all of it in the log, with actor and cause", async () => {
    const events: LoggedEvent[] = []
    for (let page = 1; ; page += 1) {
      const answer = await node.api<{ events: LoggedEvent[]; pagination: { pages: number } }>(
        "GET",
        `/api/v1/events?per_page=100&page=${page}&order=asc`,
      )
      expect(answer.status).toBe(200)
      events.push(...answer.body.events)
      if (page >= answer.body.pagination.pages) break
    }
    const types = events.map((event) => event.type)
    for (const type of [
      "TokenCreated",
      "CertificateRequested",
      "CertificateChallengePublished",
      "CertificateIssued",
      "ProxyCreated",
      "ProxyAuthSet",
      "ProxyMcpSet",
      "ClientRegistered",
      "GrantIssued",
    ])
      expect(types).toContain(type)
    // The two that were asked for, the renewal, and the internal CA's for the OAuth host, which every installation has.
    expect(types.filter((type) => type === "CertificateIssued").length).toBe(4)
    expect(events.map((event) => event.position)).toEqual(events.map((_, index) => index + 1))
    for (const event of events) {
      expect(event.actor).toMatch(/^(ADMIN|system:(acme|oauth)|oauth:local-alice)$/)
      expect(event.command).toMatch(/^[A-Z][A-Za-z]+$/)
      expect(event.correlation_id).toMatch(/^[0-9a-f-]{36}$/)
      expect(event.command_id).toMatch(/^[0-9a-f-]{36}$/)
    }
    expect(JSON.stringify(events)).not.toContain(alice.token)
    expect(JSON.stringify(events)).not.toContain("PRIVATE KEY")
  })
})
