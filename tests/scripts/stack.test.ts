import { readFileSync, readdirSync, statSync } from "node:fs"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest"
import { openHome } from "../../scripts/stack/home.ts"
import { isRunning, readState } from "../../scripts/stack/process-record.ts"
import { stateFile } from "../../scripts/stack/supervisor.ts"
import { type Copy, newCopy } from "../support/copy.ts"
import { eventually } from "../support/gatehouse.ts"
import { redisServer, type RedisServer } from "../support/redis-server.ts"

// Each test starts whole copies; on a busy machine of two cores that takes its time.
vi.setConfig({ testTimeout: 90_000 })

describe("two copies on one machine", () => {
  let one: Copy
  let two: Copy

  beforeAll(async () => {
    // Both would like the usual port for their Redis.
    const choosing = { REDIS_PORT: undefined }
    ;[one, two] = [await newCopy(choosing), await newCopy(choosing)]
  })
  afterAll(async () => {
    for (const copy of [one, two]) await copy.remove()
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
    const secrets = Object.entries(one.secrets())
    expect(secrets).toHaveLength(4)
    const lines = pids(one).map((pid) => readFileSync(`/proc/${pid}/cmdline`, "utf8"))
    for (const [name, value] of secrets)
      for (const text of [output, ...lines]) expect(text.includes(value), name).toBe(false)
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
    expect(await one.stack("restart")).toMatchObject({ code: 0, errors: "" })
    expect(await tokens(one)).toContain("alice")
  })

  it("accept a new ADMIN_TOKEN as soon as the restart is over, and the old one no more", async () => {
    const before = one.secrets()
    const replace = (...flags: string[]) => one.script("generate-secret.ts", "ADMIN_TOKEN", ...flags)
    expect((await replace()).code).toBe(3)
    expect(one.secrets()).toEqual(before)
    expect((await replace("--yes")).output).not.toContain("acm_")
    expect((await one.stack("restart")).errors).toBe("")
    expect(await tokens(one)).toContain("alice")
    const old = { authorization: `Bearer ${before["ADMIN_TOKEN"]}` }
    expect((await fetch(`http://127.0.0.1:${one.env["API_PORT"]}/api/v1/tokens`, { headers: old })).status).toBe(401)
  })

  it("refuse a port that is taken, by the variable's name, and start nothing", async () => {
    const third = await newCopy({ HTTPS_PORT: one.env["HTTPS_PORT"]!, API_PORT: one.env["API_PORT"]! })
    const { code, errors } = await third.stack("up")
    expect(code).toBe(1)
    expect(errors).toContain(`HTTPS_PORT=${one.env["HTTPS_PORT"]}: something else listens`)
    expect(errors).toContain(`API_PORT=${one.env["API_PORT"]}: something else listens`)
    expect(pids(third)).toEqual([undefined, undefined, undefined])
    await third.remove()
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
    await copy.remove()
    await redis.stop()
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
    await copy.remove()
  })

  it("knows its verbs", async () => {
    const copy = await newCopy()
    const misused = async (...args: [string, ...string[]]) => {
      const { code, errors } = await copy.stack(...args)
      expect(code, args.join(" ")).toBe(2)
      return errors
    }
    expect(await misused("fly")).toContain("there is no fly; there are setup, up, down")
    expect(await misused("up", "sideways")).toContain("up takes nothing or docker")
    expect(await misused("rebuild", "sideways")).toContain("there is no service sideways")
    expect(await misused("logs", "../../etc/passwd")).toContain("there is no service")
    expect(await misused("logs", "follow=perhaps")).toContain("follow=false")
    expect(readdirSync(copy.folder)).not.toContain(".env")
    // Ends by itself.
    expect(await copy.stack("logs", "follow=false")).toMatchObject({ code: 0, output: "" })
    await copy.remove()
  })
})

it("redis-up starts Redis alone, and up goes on from there", async () => {
  const copy = await newCopy()
  expect((await copy.stack("redis-up")).output).toMatch(/Redis answers on 127\.0\.0\.1:\d+/)
  expect([copy.pid("redis") === undefined, copy.pid("gatehouse")]).toEqual([false, undefined])
  expect((await copy.stack("up")).output).toContain("Gatehouse is ready.")
  expect(copy.pid("gatehouse")).toBeDefined()
  await copy.remove()
})
