import { type Server, createServer } from "node:http"
import { afterEach, beforeEach, describe, expect, test } from "vitest"
import { mkdtempSync, rmSync } from "node:fs"
import { dockerEngine } from "../../src/effects/docker-engine.ts"
import { join } from "node:path"
import { once } from "node:events"
import { tmpdir } from "node:os"

// A stand-in for engines that this machine does not have: older ones, ones that hang, registries that refuse.
let folder: string
let server: Server
let version: object
/** Lines of a pull; a pull without an end when the last is undefined. */
let pull: readonly (object | undefined)[]

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "gatehouse-engine-"))
  server = createServer((request, response) => {
    response.setHeader("content-type", "application/json")
    if (request.url!.endsWith("/version")) return void response.end(JSON.stringify(version))
    if (request.url!.includes("/containers/")) return
    for (const line of pull) if (line !== undefined) response.write(`${JSON.stringify(line)}\n`)
    if (pull.at(-1) !== undefined) response.end()
  }).listen(join(folder, "engine.sock"))
  await once(server, "listening")
})
afterEach(() => {
  server.closeAllConnections()
  server.close()
  rmSync(folder, { recursive: true })
})

const engine = (DOCKER_HOST = `unix://${folder}/engine.sock`, DOCKER_TIMEOUT = 10) =>
  dockerEngine({ DOCKER_HOST, DOCKER_API_VERSION: "1.41", DOCKER_TIMEOUT })

describe("the engine's version", () => {
  test.each(["1.41", "1.45", "2.0"])("%s is new enough", async (ApiVersion) => {
    version = { ApiVersion }
    await engine().ping()
  })

  test.each([{ ApiVersion: "1.40" }, { ApiVersion: "0.99" }, {}])("%j is not", async (told) => {
    version = told
    await expect(engine().ping()).rejects.toMatchObject({
      code: "unavailable",
      message: expect.stringMatching(/^the engine speaks API [\d.]+, 1\.41 is needed$/),
    })
  })
})

describe("a call", () => {
  test("that gets no answer ends at its deadline; for what may take longer, that much later", async () => {
    const ask = (extraMs?: number) =>
      engine(undefined, 0.3).call(
        "stop",
        (docker, abortSignal) => docker.getContainer("x").stop({ abortSignal }),
        extraMs,
      )
    await expect(ask()).rejects.toMatchObject({ name: "EngineError", code: "unavailable" })
    let over = false
    const longer = ask(1000).catch((error: unknown) => ((over = true), error))
    await expect(ask()).rejects.toMatchObject({ code: "unavailable" })
    expect(over).toBe(false)
    expect(await longer).toMatchObject({ code: "unavailable" })
  })

  test.each(["ftp://127.0.0.1", "nonsense", "unix:///nowhere/docker.sock", "tcp://127.0.0.1:1"])(
    "to %s is to an engine that is away",
    async (host) => {
      await expect(engine(host).ping()).rejects.toMatchObject({ name: "EngineError", code: "unavailable" })
    },
  )
})

describe("a pull", () => {
  const run = (seen: object[] = [], signal = new AbortController().signal) =>
    engine().watch(
      "pull",
      (docker, abortSignal) => docker.createImage({ fromImage: "x", abortSignal }),
      (line) => seen.push(line),
      signal,
    )

  test("tells how it goes on", async () => {
    pull = [{ status: "Pulling" }, { status: "Done" }]
    const seen: object[] = []
    await run(seen)
    expect(seen).toEqual(pull)
  })

  test.each([
    ["manifest for x:latest not found: manifest unknown", "permanent"],
    ["pull access denied for x, repository does not exist", "permanent"],
    ["toomanyrequests: you have reached your pull rate limit", "refused"],
    ["Get https://registry-1.docker.io/v2/: dial tcp: lookup failed", "refused"],
    ["write /var/lib/docker/tmp/x: no space left on device", "refused"],
  ])("that the registry ends with %j is %s", async (error, code) => {
    pull = [{ status: "Pulling" }, { error }]
    await expect(run()).rejects.toMatchObject({ name: "EngineError", code, message: `pull: ${error}` })
  })

  test("of nobody's interest any more is ended, however long it would take", async () => {
    pull = [{ status: "Pulling" }, undefined]
    const wanted = new AbortController()
    const seen: object[] = []
    const pulling = run(seen, wanted.signal)
    while (seen.length === 0) await new Promise((resolve) => setTimeout(resolve, 5))
    wanted.abort()
    await expect(pulling).rejects.toMatchObject({ name: "EngineError" })
  })
})
