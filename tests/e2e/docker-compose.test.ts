import { execFile } from "node:child_process"
import { createServer, type Server } from "node:http"
import { once } from "node:events"
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { parseEnv, promisify } from "node:util"
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest"
import { type ContainerEngine, makeBaseImages, startContainerEngine } from "../support/container-engine.ts"
import { eventually } from "../support/gatehouse.ts"
import { freePort } from "../support/ports.ts"

vi.setConfig({ testTimeout: 240_000, hookTimeout: 120_000 })

const root = join(import.meta.dirname, "../..")
const folder = mkdtempSync(join(tmpdir(), "gatehouse-compose-"))
const env: Record<string, string> = {}
let engine: ContainerEngine
let backend: Server

beforeAll(async () => {
  engine = await startContainerEngine({ outside: true })
  await makeBaseImages(engine)
  backend = createServer((_, answer) => answer.end("the backend")).listen(0, "127.0.0.1")
  await once(backend, "listening")
  Object.assign(env, {
    PATH: process.env["PATH"],
    HOME: process.env["HOME"],
    DOCKER_HOST: engine.host,
    GATEHOUSE_HOME: join(folder, "home"),
    GATEHOUSE_ENV_FILE: join(folder, ".env"),
    HTTP_PORT: String(await freePort()),
    HTTPS_PORT: String(await freePort()),
    API_PORT: String(await freePort()),
    REDIS_PORT: String(await freePort()),
    SERVER_HOST: "127.0.0.1",
  })
})

afterAll(async () => {
  backend?.close()
  if (engine !== undefined) {
    for (const id of (await engine.docker("ps", "-aq")).split("\n").filter(Boolean)) await engine.docker("rm", "-f", id)
    await engine.stop()
  }
  rmSync(folder, { recursive: true, force: true })
})

const stack = async (...args: string[]) =>
  (await promisify(execFile)(process.execPath, ["scripts/stack.ts", ...args], { cwd: root, env, maxBuffer: 2 ** 26 }))
    .stdout
const container = async (service: string) =>
  (await engine.docker("ps", "-q", "--filter", `label=com.docker.compose.service=${service}`)).trim()
const inspect = async (service: string) =>
  (JSON.parse(await engine.docker("inspect", await container(service))) as Inspected[])[0]!

interface Inspected {
  readonly Id: string
  readonly Path: string
  readonly Args: readonly string[]
  readonly Config: { readonly User: string }
  readonly HostConfig: {
    readonly ReadonlyRootfs: boolean
    readonly CapDrop: string[]
    readonly CapAdd: string[] | null
  }
  readonly State: { readonly Health: { readonly Status: string } }
}

const through = async (): Promise<string> => {
  const url = `http://127.0.0.1:${env["HTTP_PORT"]}/`
  const { stdout } = await promisify(execFile)("curl", ["-sS", "-H", "Host: app.localhost", url])
  return stdout
}

it("The engines of tests leave each other's networks alone", async () => {
  const beside = await startContainerEngine()
  await beside.stop()
  expect(await engine.docker("run", "--rm", "redis:7-bookworm", "cat", "/sys/class/net/eth0/operstate")).toBe("up")
})

describe("just up docker", () => {
  it("builds the images, starts both services and waits until Gatehouse is ready", async () => {
    expect(await stack("up", "docker")).toContain("Gatehouse is ready.")
    for (const service of ["proxy", "redis"])
      await eventually(
        `${service} is healthy`,
        async () => (await inspect(service)).State.Health.Status === "healthy",
        30_000,
      )
  })

  it("runs them without rights: no root, no writable image, no capability but the one for ports", async () => {
    const [proxy, redis] = [await inspect("proxy"), await inspect("redis")]
    expect([proxy.Config.User, redis.Config.User]).toEqual(["1000:1000", "999:999"])
    for (const { HostConfig } of [proxy, redis]) {
      expect(HostConfig.ReadonlyRootfs).toBe(true)
      expect(HostConfig.CapDrop).toEqual(["ALL"])
    }
    expect([proxy.HostConfig.CapAdd, redis.HostConfig.CapAdd]).toEqual([["NET_BIND_SERVICE"], null])
    const bind =
      "require('net').createServer().listen(79, '127.0.0.1', () => process.exit(0)).on('error', () => process.exit(1))"
    await engine.docker("exec", proxy.Id, "/app/bin/node", "-e", bind)
  })

  it("has the password on no command line", async () => {
    const password = parseEnv(readFileSync(env["GATEHOUSE_ENV_FILE"]!, "utf8"))["REDIS_PASSWORD"]!
    const redis = await inspect("redis")
    expect([redis.Path, ...redis.Args].join(" ")).not.toContain(password)
    expect(await engine.docker("top", redis.Id)).not.toContain(password)
    expect(await stack("redis-cli", "ping")).toBe("PONG\n")
  })

  it("serves a proxy, whose backend is on the host's loopback", async () => {
    const { port } = backend.address() as { port: number }
    const token = parseEnv(readFileSync(env["GATEHOUSE_ENV_FILE"]!, "utf8"))["ADMIN_TOKEN"]
    const answer = await fetch(`http://127.0.0.1:${env["API_PORT"]}/api/v1/proxy/targets`, {
      method: "POST",
      headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
      body: JSON.stringify({ hostname: "app.localhost", target_url: `http://127.0.0.1:${port}`, enable_https: false }),
    })
    expect(answer.status).toBe(201)
    expect(await eventually("an answer through it", async () => (await through()) === "the backend")).toBe(true)
  })

  it("changes nothing when it is run again, and keeps its data over down and up", async () => {
    const before = await container("proxy")
    await stack("up")
    expect(await container("proxy")).toBe(before)
    expect(await stack("down")).toContain("Gatehouse is down; its data stays.")
    expect(await engine.docker("ps", "-aq")).toBe("")
    await stack("up", "docker")
    expect(await eventually("an answer through it", async () => (await through()) === "the backend")).toBe(true)
    await stack("down")
  })
})
