import { Client, StreamableHTTPClientTransport as Transport } from "@modelcontextprotocol/client"
import {
  type ContainerEngine,
  makeMcpBridgeImage,
  makeWebImage,
  startContainerEngine,
} from "../support/container-engine.ts"
import { type Installation, type Node, api, eventually, installation, startNode } from "../support/gatehouse.ts"
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest"
import { type RedisServer, redisServer } from "../support/redis-server.ts"
import { Client as OlderClient } from "@modelcontextprotocol/sdk/client/index.js"
import { StreamableHTTPClientTransport as OlderTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js"
import { agent } from "../support/browser.ts"
import { fetch } from "undici"
import { mcpLogin } from "../support/mcp-login.ts"
import { randomBytes } from "node:crypto"
import { run } from "../../src/cli/run.ts"

vi.setConfig({ testTimeout: 60_000, hookTimeout: 120_000 })

const firstPort = 12_000 + (process.pid % 400) * 40
const base = "/api/v1/services"
let engine: ContainerEngine
let redis: RedisServer
let node: Node
let shared: Installation
let alice: string

interface Service {
  readonly status: string
  readonly allocated_port: number
  readonly container_id: string
  readonly environment: string[]
  readonly last_error: { code: string; detail: string } | null
}

beforeAll(async () => {
  engine = await startContainerEngine("--iptables=false", "--bridge=none")
  await makeWebImage(engine, "gatehouse/test-web:1", "one")
  await makeWebImage(engine, "gatehouse/test-web:2", "two")
  redis = await redisServer()
  shared = installation(redis.url)
  node = await startNode(shared, {
    DOCKER_HOST: engine.host,
    SERVICE_PORT_RANGE: `${firstPort}-${firstPort + 39}`,
    SERVICE_ALLOWED_IMAGES: "gatehouse/test-web",
    BASE_DOMAIN: "services.test",
  })
  alice = (await node.api<{ token: string }>("POST", "/api/v1/tokens", { name: "alice" })).body.token
})
afterAll(async () => {
  await node?.stop()
  await redis?.stop()
  for (const id of (await engine?.docker("ps", "-aq"))?.split("\n").filter(Boolean) ?? [])
    await engine.docker("rm", "-f", "-v", id)
  await engine?.stop()
})

const as = <T>(token: string, method: string, path: string, body?: unknown) =>
  api<T>(node.apiPort, token, method, path, body)
const running = async (name: string) => {
  const { body } = await node.api<Service>("GET", `${base}/${name}?wait=true&timeout=30`)
  expect(body, JSON.stringify(body.last_error)).toMatchObject({ status: "running" })
  return body
}
let roots: string[] = []
let dispatcher: ReturnType<typeof agent>
const get = (path = "/", host = "web.services.test") =>
  fetch(`https://${host}:${node.httpsPort}${path}`, { dispatcher })

describe("from an image to a page over HTTPS", () => {
  it("an owner runs an image that is allowed", async () => {
    const secret = randomBytes(12).toString("hex")
    const created = await as<{ service: Service; instance_registered: boolean }>(alice, "POST", base, {
      service_name: "web",
      image: "gatehouse/test-web:1",
      environment: { SECRET: secret },
    })
    expect(created.status, JSON.stringify(created.body)).toBe(201)
    expect(created.headers.get("location")).toBe(`${base}/web`)
    expect(created.body).toMatchObject({
      instance_registered: true,
      service: { status: "pending", environment: ["SECRET"], owner: "alice" },
    })
    await running("web")
    const proxy = await as<{ proxy_target: { hostname: string; service: string } }>(
      alice,
      "POST",
      `${base}/web/proxy`,
      { enable_https: true },
    )
    expect(proxy.status, JSON.stringify(proxy.body)).toBe(201)
    expect(proxy.body.proxy_target).toMatchObject({ hostname: "web.services.test", service: "web" })
    await node.api("GET", "/api/v1/certificates/proxy-web-services-test/status?wait=true&timeout=30")
    const { body } = await node.api<{ fullchain_pem: string }>("GET", "/api/v1/certificates/proxy-web-services-test")
    roots = [body.fullchain_pem.slice(body.fullchain_pem.lastIndexOf("-----BEGIN"))]
    dispatcher = agent(roots)
    const page = await eventually("the page", async () => {
      const answer = await get()
      return answer.status === 200 && answer.text()
    })
    expect(page).toBe("one")
    expect(await (await get("/cgi-bin/env")).text()).toContain(`SECRET=${secret}`)
    const everything = await node.api<{ events: unknown[] }>("GET", "/api/v1/events?per_page=100")
    expect(JSON.stringify([everything.body, (await node.api("GET", `${base}/web`)).body, node.log()])).not.toContain(
      secret,
    )
  })

  it("an update under load loses no request, and ends at the new container", async () => {
    const seen = { one: 0, two: 0 }
    let wrong = ""
    const over = new AbortController()
    const load = async (path: string) => {
      while (!over.signal.aborted) {
        const answer = await get(path)
        const text = (await answer.text()).trim()
        if (answer.status !== 200 || (text !== "one" && text !== "two")) wrong = `${answer.status} ${text}`
        else seen[text] += 1
      }
    }
    const clients = [load("/"), load("/"), load("/"), load("/cgi-bin/slow"), load("/cgi-bin/slow")]
    await eventually("some traffic", async () => seen.one > 50)
    const before = (await node.api<Service>("GET", `${base}/web`)).body.container_id
    const updated = await as<Service>(alice, "PUT", `${base}/web`, {
      image: "gatehouse/test-web:2",
      environment: { SECRET: null, MORE: "x" },
    })
    expect([updated.status, updated.body.status]).toEqual([200, "updating"])
    await running("web")
    await eventually(
      "the old container is gone",
      async () => !(await engine.docker("ps", "-aq", "--no-trunc")).includes(before),
      20_000,
    )
    over.abort()
    await Promise.all(clients)
    expect(wrong).toBe("")
    expect(seen.two).toBeGreaterThan(50)
    expect(await (await get("/cgi-bin/env")).text()).toMatch(/MORE=x/)
  })

  it("logs and stats come through the API, the log also as a stream", async () => {
    const logs = await as<{ logs: string[]; lines: number }>(alice, "GET", `${base}/web/logs?lines=5`)
    expect(logs.body.lines).toBe(5)
    expect(logs.body.logs.join("\n")).toContain("response:200")
    const stats = await as<{ memory_usage: number; pids: number }>(alice, "GET", `${base}/web/stats`)
    expect(stats.body.memory_usage).toBeGreaterThan(0)
    expect(stats.body.pids).toBeGreaterThan(0)
    const ended = new AbortController()
    const stream = await fetch(`http://127.0.0.1:${node.apiPort}${base}/web/logs?follow=true&lines=1`, {
      headers: { authorization: `Bearer ${alice}` },
      signal: ended.signal,
    })
    expect(stream.headers.get("content-type")).toBe("text/event-stream")
    let text = ""
    for await (const chunk of stream.body!) {
      text += Buffer.from(chunk as Uint8Array).toString()
      if (/^data: .*response:404/m.test(text)) break
      if (text.includes("data: ")) await get("/followed")
    }
    ended.abort()
    for (const path of ["logs", "stats"]) expect((await node.api("GET", `${base}/nothing/${path}`)).status).toBe(404)
  })

  it("one that is stopped answers 503, and 200 again after its start; deleting it takes the proxy along", async () => {
    expect((await as(alice, "DELETE", `${base}/web`)).status).toBe(409)
    const stopped = await as<{ status: string }>(alice, "POST", `${base}/web/stop?wait=true&timeout=2`)
    expect([stopped.status, stopped.body.status]).toEqual([200, "stopped"])
    const answer = await get()
    expect([answer.status, answer.headers.get("retry-after")]).toEqual([503, "10"])
    const started = await as<{ status: string }>(alice, "POST", `${base}/web/start?wait=true`)
    expect([started.status, started.body.status]).toEqual([200, "running"])
    expect((await as(alice, "POST", `${base}/web/start`)).status).toBe(200)
    expect((await get()).status).toBe(200)
    const deleted = await as<{ deleted_proxy: string }>(alice, "DELETE", `${base}/web?force=true`)
    expect(deleted.body.deleted_proxy).toBe("web.services.test")
    await eventually("it is gone", async () => (await node.api("GET", `${base}/web`)).status === 404, 20_000)
    expect((await node.api("GET", "/api/v1/proxy/targets/web.services.test")).status).toBe(404)
    expect((await node.api("GET", "/api/v1/instances/docker-web")).status).toBe(404)
  })
})

describe("an MCP server that speaks over stdio", () => {
  it("is one command away from clients of both eras, who sign in first", async () => {
    await makeMcpBridgeImage(engine)
    let printed = ""
    const code = await run(
      [
        "service-create-mcp",
        "tools",
        "GREETING=hello",
        "node",
        "/srv/node_modules/@modelcontextprotocol/server-everything/dist/index.js",
        "stdio",
      ],
      {
        env: { API_PORT: String(node.apiPort), ADMIN_TOKEN: shared.ADMIN_TOKEN },
        interactiveInput: false,
        interactiveOutput: false,
        write: (text) => void (printed += text),
        error: (text) => void (printed += text),
        ask: () => Promise.reject(new Error("nobody is there")),
      },
    )
    expect([code, printed]).toEqual([
      0,
      expect.stringContaining(`"resource":"https://tools.services.test:${node.httpsPort}/mcp"`),
    ])
    const url = new URL(`https://tools.services.test:${node.httpsPort}/mcp`)
    await eventually("its certificate", async () => (await get("/", "tools.services.test")).status > 0)
    expect((await fetch(url, { method: "POST", dispatcher })).status).toBe(401)
    const login = mcpLogin(roots, alice)
    const connect = () => new Transport(url, { authProvider: login.provider as never, fetch: login.fetch })
    const [first, client] = [connect(), () => new Client({ name: "e2e", version: "1" })]
    await expect(client().connect(first)).rejects.toThrow("Unauthorized")
    await first.finishAuth(login.callback().searchParams)
    const session = client()
    await session.connect(connect())
    expect((await session.listTools()).tools.map(({ name }) => name)).toContain("echo")
    const answer = await session.callTool({ name: "echo", arguments: { message: "over stdio" } })
    expect(JSON.stringify(answer.content)).toContain("over stdio")
    await session.close()
    const progress: number[] = []
    const older = new OlderClient({ name: "e2e", version: "1" })
    await older.connect(new OlderTransport(url, { authProvider: login.provider as never, fetch: login.fetch }))
    await older.callTool(
      { name: "trigger-long-running-operation", arguments: { duration: 0.3, steps: 3 } },
      undefined,
      { onprogress: (step) => progress.push(step.progress) },
    )
    expect(progress).toEqual([1, 2, 3])
    await older.close()
  })
})

describe("what nobody may have", () => {
  it.each([
    [{ privileged: true }],
    [{ cap_add: ["SYS_ADMIN"] }],
    [{ CapAdd: ["SYS_ADMIN"] }],
    [{ devices: ["/dev/kmsg"] }],
    [{ security_opt: ["seccomp=unconfined"] }],
    [{ pid_mode: "host" }],
    [{ network_mode: "host" }],
    [{ network: "host" }],
    [{ network: "container:redis" }],
    [{ volumes: ["/var/run/docker.sock:/var/run/docker.sock"] }],
    [{ volumes: { "/var/run/docker.sock": "/docker.sock" } }],
    [{ HostConfig: { Privileged: true } }],
    [{ labels: { "gatehouse.installation": "another" } }],
  ])("%j is refused for administrators too", async (option) => {
    const answer = await node.api<{ code: string }>("POST", base, {
      service_name: "x",
      image: "gatehouse/test-web:1",
      ...option,
    })
    expect([answer.status, answer.body.code]).toEqual([422, "forbidden_option"])
  })

  it("an owner gets no image that is not on the list, and sees nothing of others", async () => {
    const refused = await as<{ code: string }>(alice, "POST", base, { service_name: "x", image: "redis:7" })
    expect([refused.status, refused.body.code]).toEqual([403, "image_not_allowed"])
    expect((await node.api("POST", base, { service_name: "admins", image: "gatehouse/test-web:1" })).status).toBe(201)
    for (const [method, path] of [
      ["GET", ""],
      ["GET", "/logs"],
      ["GET", "/stats"],
      ["POST", "/stop"],
      ["DELETE", "?force=true"],
    ] as const)
      expect((await as(alice, method, `${base}/admins${path}`)).status).toBe(403)
    expect((await as<{ total: number }>(alice, "GET", base)).body.total).toBe(0)
    expect((await as(alice, "POST", `${base}/cleanup`)).status).toBe(403)
  })
})

describe("an engine that is away", () => {
  it("leaves the rest of Gatehouse alone, and its services come back", async () => {
    await running("admins")
    await engine.kill()
    const started = performance.now()
    const [logs, cleanup] = [
      await node.api<{ code: string }>("GET", `${base}/admins/logs`),
      await node.api("POST", `${base}/cleanup`),
    ]
    expect([logs.status, logs.body.code, cleanup.status]).toEqual([503, "docker_unavailable", 503])
    expect(performance.now() - started).toBeLessThan(2000)
    expect((await node.api("POST", base, { service_name: "later", image: "gatehouse/test-web:1" })).status).toBe(201)
    const health = await node.api<{ status: string; checks: { docker: { status: string } } }>("GET", "/health")
    expect([health.status, health.body.checks.docker.status]).toEqual([200, "degraded"])
    await engine.restart()
    for (const name of ["later", "admins"])
      await eventually(
        `${name} runs`,
        async () => (await node.api<Service>("GET", `${base}/${name}`)).body.status === "running",
        30_000,
      )
    const cleaned = await node.api<{ orphaned_containers: unknown[] }>("POST", `${base}/cleanup`)
    expect(cleaned.body.orphaned_containers).toEqual([])
  })
})
