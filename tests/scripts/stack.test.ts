import { execFile } from "node:child_process"
import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { parseEnv } from "node:util"
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest"
import { openHome } from "../../scripts/stack/home.ts"
import { isRunning, readState } from "../../scripts/stack/process-record.ts"
import { stateFile } from "../../scripts/stack/supervisor.ts"
import { eventually } from "../support/gatehouse.ts"
import { freePort } from "../support/ports.ts"
import { redisServer, type RedisServer } from "../support/redis-server.ts"

// Each test starts whole copies; on a busy machine of two cores that takes its time.
vi.setConfig({ testTimeout: 90_000 })

const root = join(import.meta.dirname, "../..")

/** One copy of Gatehouse, told apart from others by its environment alone. */
interface Copy {
  readonly folder: string
  readonly env: Record<string, string>
  stack(verb: string, ...args: string[]): Promise<{ code: number; output: string; errors: string }>
  pid(service: string): number | undefined
  api<T>(method: string, path: string, body?: unknown): Promise<{ status: number; body: T }>
}

async function newCopy(extra: Record<string, string> = {}): Promise<Copy> {
  const folder = mkdtempSync(join(tmpdir(), "gatehouse-copy-"))
  const env: Record<string, string> = {
    PATH: process.env["PATH"] ?? "",
    GATEHOUSE_HOME: join(folder, "home"),
    GATEHOUSE_ENV_FILE: join(folder, ".env"),
    HTTP_PORT: String(await freePort()),
    HTTPS_PORT: String(await freePort()),
    API_PORT: String(await freePort()),
    SERVER_HOST: "127.0.0.1",
    SHUTDOWN_GRACE: "2",
    ...extra,
  }
  return {
    folder,
    env,
    stack: (...args) =>
      new Promise((resolve) => {
        execFile(
          process.execPath,
          ["scripts/stack.ts", ...args],
          { cwd: root, env, timeout: 60_000 },
          (error, output, errors) => resolve({ code: error === null ? 0 : Number(error.code ?? -1), output, errors }),
        )
      }),
    pid: (service) => readState(stateFile(openHome(env["GATEHOUSE_HOME"]!), service))?.process?.pid,
    async api<T>(method: string, path: string, body?: unknown) {
      const token = parseEnv(readFileSync(join(folder, ".env"), "utf8"))["ADMIN_TOKEN"]
      const answer = await fetch(`http://127.0.0.1:${env["API_PORT"]}${path}`, {
        method,
        headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      })
      return { status: answer.status, body: (await answer.json()) as T }
    },
  }
}

describe("two copies on one machine", () => {
  let one: Copy
  let two: Copy

  beforeAll(async () => {
    ;[one, two] = [await newCopy(), await newCopy()]
  })
  afterAll(async () => {
    for (const copy of [one, two]) {
      await copy.stack("down")
      rmSync(copy.folder, { recursive: true, force: true })
    }
  })
  const services = ["supervisor", "redis", "gatehouse"]
  const pids = (copy: Copy) => services.map((service) => copy.pid(service))
  const tokens = async (copy: Copy) =>
    (await copy.api<{ tokens: { name: string }[] }>("GET", "/api/v1/tokens")).body.tokens.map(({ name }) => name)

  it("start at the same moment, each with secrets and a Redis of its own", async () => {
    const [first, second] = await Promise.all([one.stack("up"), two.stack("up")])
    expect(first.errors + second.errors).toBe("")
    for (const { output } of [first, second]) expect(output).toContain("Gatehouse is ready.")
    expect(first.output).toContain(`https://auth.localhost:${one.env["HTTPS_PORT"]}`)
    expect(statSync(join(one.folder, ".env")).mode & 0o777).toBe(0o600)
    expect(pids(one)).not.toEqual(pids(two))
    expect((await one.api("POST", "/api/v1/tokens", { name: "alice" })).status).toBe(201)
    expect(await tokens(one)).toContain("alice")
    expect(await tokens(two)).not.toContain("alice")
  })

  it("print no secret, and have none on a command line", async () => {
    const { output } = await one.stack("up")
    const secrets = Object.entries(parseEnv(readFileSync(join(one.folder, ".env"), "utf8")))
    expect(secrets).toHaveLength(4)
    const lines = pids(one).map((pid) => readFileSync(`/proc/${pid}/cmdline`, "utf8"))
    for (const [name, value] of secrets)
      for (const text of [output, ...lines]) expect(text.includes(value!), name).toBe(false)
  })

  it("have a Redis that asks for the password and loses nothing", async () => {
    const setting = async (name: string) =>
      (await one.stack("redis-cli", "config", "get", name)).output.trim().split("\n").at(-1)
    expect((await one.stack("redis-cli", "ping")).output).toBe("PONG\n")
    expect([await setting("appendonly"), await setting("appendfsync")]).toEqual(["yes", "always"])
    expect(await setting("maxmemory-policy")).toBe("noeviction")
    expect(await setting("bind")).toBe("127.0.0.1")
    expect((await setting("requirepass"))?.length).toBe(64)
  })

  it("go on as they are when they are started twice", async () => {
    const before = pids(one)
    const again = await one.stack("up")
    expect(again.code).toBe(0)
    expect(again.output).not.toContain("made ")
    expect(pids(one)).toEqual(before)
  })

  it("come back by themselves when Gatehouse or Redis is killed", async () => {
    for (const service of ["gatehouse", "redis"]) {
      const before = one.pid(service)!
      process.kill(before, "SIGKILL")
      await eventually(`a new ${service}`, async () => (one.pid(service) ?? before) !== before)
    }
    await eventually("the token is there again", async () => (await tokens(one)).includes("alice"), 20_000)
  })

  it("are taken over by `up` when the supervisor itself was killed", async () => {
    const [supervisor, redis] = pids(one)
    process.kill(supervisor!, "SIGKILL")
    expect((await one.stack("up")).errors).toBe("")
    expect(one.pid("supervisor")).not.toBe(supervisor)
    expect(one.pid("redis")).not.toBe(redis)
    expect(await tokens(one)).toContain("alice")
  })

  it("do not touch each other when one is stopped, and keep their data", async () => {
    const records = services.map(
      (service) => readState(stateFile(openHome(one.env["GATEHOUSE_HOME"]!), service))!.process!,
    )
    const others = pids(two)
    expect((await one.stack("down")).output).toBe("Gatehouse is down; its data stays.\n")
    expect(records.map(isRunning)).toEqual([false, false, false])
    expect(pids(two)).toEqual(others)
    expect((await one.stack("down")).output).toBe("Nothing runs here.\n")
    expect((await one.stack("restart")).code).toBe(0)
    expect(await tokens(one)).toContain("alice")
  })

  it("refuse a port that is taken, by the variable's name, and start nothing", async () => {
    const third = await newCopy({ HTTPS_PORT: one.env["HTTPS_PORT"]!, API_PORT: one.env["API_PORT"]! })
    const { code, errors } = await third.stack("up")
    expect(code).toBe(1)
    expect(errors).toContain(`HTTPS_PORT=${one.env["HTTPS_PORT"]}: something else listens`)
    expect(errors).toContain(`API_PORT=${one.env["API_PORT"]}: something else listens`)
    expect(pids(third)).toEqual([undefined, undefined, undefined])
    rmSync(third.folder, { recursive: true })
  })
})

describe("a copy with a Redis of somebody else", () => {
  let redis: RedisServer
  let copy: Copy
  beforeAll(async () => {
    redis = await redisServer()
    copy = await newCopy({ REDIS_URL: redis.url })
  })
  afterAll(async () => {
    await copy.stack("down")
    await redis.stop()
    rmSync(copy.folder, { recursive: true, force: true })
  })

  it("starts none of its own", async () => {
    const { output, errors } = await copy.stack("up")
    expect(errors).toBe("")
    expect(output).toContain(`external, 127.0.0.1:${redis.port}`)
    expect(output).not.toContain(redis.password)
    expect(copy.pid("redis")).toBeUndefined()
    expect(readFileSync(join(copy.folder, ".env"), "utf8")).not.toContain("REDIS_PASSWORD")
    expect((await copy.stack("redis-cli", "exists", "{gh}:events")).output).toBe("1\n")
    expect((await copy.stack("redis-up")).errors).toContain("REDIS_URL names an external Redis")
  })
})

describe("a copy that cannot start", () => {
  it.each([
    [{ API_PORT: "many" }, "API_PORT"],
    [{ MASTER_KEY: "short" }, "MASTER_KEY: must be 32 bytes in base64"],
    [{ REDIS_URL: "redis://127.0.0.1:1" }, "REDIS_URL: must carry a password"],
    [{ API_PORT: "0" }, "API_PORT must be a number above 0"],
  ] as [Record<string, string>, string][])("says why: %j", async (extra, text) => {
    const copy = await newCopy(extra)
    const { code, errors } = await copy.stack("up")
    expect(code).toBe(1)
    expect(errors).toContain(text)
    expect(errors).not.toMatch(/^\s+at /m)
    expect(copy.pid("supervisor")).toBeUndefined()
    rmSync(copy.folder, { recursive: true })
  })

  it("knows its verbs", async () => {
    const copy = await newCopy()
    expect((await copy.stack("fly")).errors).toContain("there is no fly; there are setup, up, down")
    expect((await copy.stack("up", "sideways")).errors).toContain("up takes nothing or docker")
    expect((await copy.stack("logs", "../../etc/passwd")).errors).toContain("there is no service")
    rmSync(copy.folder, { recursive: true })
  })
})

it("redis-up starts Redis alone, and up goes on from there", async () => {
  const copy = await newCopy()
  expect((await copy.stack("redis-up")).output).toMatch(/Redis answers on 127\.0\.0\.1:\d+/)
  expect([copy.pid("redis") === undefined, copy.pid("gatehouse")]).toEqual([false, undefined])
  expect((await copy.stack("up")).output).toContain("Gatehouse is ready.")
  expect(copy.pid("gatehouse")).toBeDefined()
  expect((await copy.stack("down")).code).toBe(0)
  rmSync(copy.folder, { recursive: true })
})
