import { type Server, createServer } from "node:http"
import { afterEach, beforeEach, describe, expect, test } from "vitest"
import { containerOptions, label, ownLabels, volumeName } from "../../src/effects/docker-container.ts"
import { type Calls, dockerCalls } from "../../src/effects/docker-calls.ts"
import type { Service } from "../../src/events/service.ts"
import { dockerEngine } from "../../src/effects/docker-engine.ts"
import { images } from "../../src/effects/docker-image.ts"
import { join } from "node:path"
import { mkdtempSync, rmSync } from "node:fs"
import { once } from "node:events"
import { tmpdir } from "node:os"

// A stand-in for an engine that does not keep to its API, as a filtering proxy before its socket might not.
const installation = "0123456789abcdef"
let folder: string
let server: Server
let answers: Readonly<Record<string, unknown>>
let asked: string[]
let calls: Calls
const engineAt = () =>
  dockerEngine({ DOCKER_HOST: `unix://${folder}/engine.sock`, DOCKER_API_VERSION: "1.41", DOCKER_TIMEOUT: 2 })

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "gatehouse-liar-"))
  asked = []
  server = createServer((request, response) => {
    const path = decodeURIComponent(request.url!.replace(/^\/v1\.41/, "").replace(/\?.*/s, ""))
    asked.push(`${request.method} ${path}`)
    const answer = answers[path]
    response.writeHead(answer === undefined ? 404 : answer === "" ? 204 : 200, { "content-type": "application/json" })
    response.end(typeof answer === "string" ? answer : JSON.stringify(answer ?? { message: "nothing there" }))
  }).listen(join(folder, "engine.sock"))
  await once(server, "listening")
  calls = dockerCalls(engineAt(), installation)
})
afterEach(() => {
  server.close()
  rmSync(folder, { recursive: true })
})

const ours = ownLabels(installation, { service_name: "web" })
const listed = (Id: string, Labels: unknown) => ({ Id, Labels, State: "running", Status: "Up", Created: 1 })

describe("an engine that does not filter", () => {
  test("gets no container of others taken for ours, also not one without labels", async () => {
    answers = {
      "/containers/json": [
        listed("ours", { ...ours, [label.port]: "11000" }),
        listed("foreign", { ...ours, [label.installation]: "another" }),
        listed("other service", { ...ours, [label.service]: "api" }),
        listed("bare", {}),
        listed("barer", null),
      ],
    }
    expect((await calls.list("web")).map(({ id }) => id)).toEqual(["ours"])
    expect((await calls.list()).map(({ id }) => id)).toEqual(["ours", "other service"])
  })

  test("loses no volume and no image of others", async () => {
    answers = {
      "/volumes": {
        Volumes: [
          { Name: "mine", Labels: ours },
          { Name: "theirs", Labels: null },
        ],
      },
      "/volumes/mine": "",
      "/images/json": [
        { Id: "sha256:a", Labels: { ...ours, [label.event]: "1" } },
        { Id: "sha256:b", Labels: { ...ours, [label.event]: "2" } },
        { Id: "sha256:c", Labels: null },
      ],
      "/images/sha256:a": [],
    }
    await calls.removeVolumes("web")
    await calls.removeImages("web", "2")
    expect(asked.filter((line) => line.startsWith("DELETE"))).toEqual([
      "DELETE /volumes/mine",
      "DELETE /images/sha256:a",
    ])
  })
})

describe("an engine that answers nonsense", () => {
  test.each(["0", "65536", "11000x", "-1", "1e3.5", ""])("gets %j not taken for a port", async (port) => {
    answers = { "/containers/json": [listed("a", { ...ours, [label.port]: port, [label.internalPort]: port })] }
    expect(await calls.list()).toMatchObject([{ port: null, internalPort: 8080 }])
  })

  test("is unavailable, and no more than that", async () => {
    answers = { "/containers/json": "<html>" }
    await expect(calls.list()).rejects.toMatchObject({ name: "EngineError", code: "unavailable" })
  })
})

describe("what a service may call its own", () => {
  test("is no volume of another, however the names are cut", async () => {
    expect(volumeName(installation, { service_name: "a-b" }, "c")).not.toBe(
      volumeName(installation, { service_name: "a" }, "b-c"),
    )
    answers = {
      "/volumes/create": { Name: "v" },
      "/volumes/v": { Name: "v", Labels: { ...ours, [label.service]: "b" } },
    }
    await expect(calls.ensureVolume("v", "web")).rejects.toMatchObject({ code: "permanent" })
  })

  test("is no image that was built for another", async () => {
    const service = { service_name: "web", image: "gatehouse/01234567:api.1", revision: 1, created_at: "t" } as Service
    const found = images(engineAt(), installation, folder)
    answers = {
      "/images/docker.io/gatehouse/01234567:api.1/json": { Config: { Labels: { ...ours, [label.service]: "api" } } },
    }
    await expect(found.find(service)).rejects.toMatchObject({ code: "permanent" })
    answers = {
      "/images/docker.io/gatehouse/01234567:api.1/json": {
        Config: { Labels: ours, ExposedPorts: { "90/tcp": {}, "80/tcp": {}, "70/udp": {} } },
      },
    }
    expect(await found.find(service)).toMatchObject({ ports: [80, 90] })
  })

  test("is none of the labels that Gatehouse knows its containers by", () => {
    const service = {
      service_name: "web",
      revision: 2,
      created_at: "t",
      owner: "alice",
      labels: [
        { name: label.installation, value: "another" },
        { name: label.owner, value: "admin" },
      ],
      volumes: [],
      command: null,
      user: null,
      healthcheck: null,
      memory_limit: "16m",
    } as unknown as Service
    const parts = { installation, image: "x", port: null, internalPort: 1, environment: [] }
    expect(containerOptions(service, parts).Labels).toMatchObject({
      ...ours,
      [label.owner]: "alice",
      [label.event]: "t/2",
    })
  })
})
