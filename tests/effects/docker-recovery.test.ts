import { describe, expect, test, vi } from "vitest"
import { chmodSync } from "node:fs"
import { join } from "node:path"
import { once } from "node:events"
import { spawn } from "node:child_process"
import {
  dockerEngine,
  folder,
  masterKey,
  firstPort,
  engine,
  redis,
  env,
  start,
  service,
  create,
  reaches,
  ask,
  containers,
} from "./docker-node.ts"

vi.setConfig({ testTimeout: 60_000, hookTimeout: 120_000 })

dockerEngine()

describe("after a crash", () => {
  /** Runs another node's effects in a process of its own until it dies at a crash point. */
  async function crash(point: string): Promise<void> {
    const setup = { redisUrl: redis.url, masterKey: masterKey.toString("base64"), env: env(), point, parent: folder }
    const child = spawn(process.execPath, [join(import.meta.dirname, "crashing-node.ts")], {
      env: { ...process.env, CRASHING_NODE: JSON.stringify(setup) },
      stdio: ["ignore", "ignore", "inherit"],
    })
    const [, signal] = (await once(child, "exit")) as [number | null, string | null]
    expect(signal).toBe("SIGKILL")
  }

  test.each(["docker.portReserved", "docker.created", "docker.started", "docker.startRecorded"])(
    "at %s another node goes on, to one container at one port",
    async (point) => {
      const node = await start(false)
      await create(node)
      await crash(point)
      node.startEffects()
      await reaches(node, "running")
      expect(await ask(node)).toBe("one")
      expect((await containers()).map(({ ID, State }) => [ID, State])).toEqual([
        [service(node)!.serving!.container_id, "running"],
      ])
      expect(service(node)!.ports).toEqual([service(node)!.serving!.port])
    },
  )

  test.each(["docker.removed", "docker.removeRecorded"])("at %s another node leaves nothing behind", async (point) => {
    const node = await start(false)
    const before = node.startEffects()
    await create(node)
    await reaches(node, "running")
    await before.stop()
    await node.execute("DeleteService", { service_name: "web", force: true })
    await crash(point)
    node.startEffects()
    await reaches(node, "gone")
    expect(await containers()).toEqual([])
  })
})

describe("containers of others", () => {
  test("are neither touched nor listed, also by name; orphans of our own go on request alone", async () => {
    const node = await start()
    await engine.docker("network", "create", "elsewhere")
    await engine.docker(
      "run",
      "-d",
      "--network",
      "elsewhere",
      "--name",
      "foreign",
      "--label",
      "gatehouse.installation=another",
      "--label",
      "gatehouse.service=web",
      "gatehouse/test-web:1",
    )
    await create(node)
    await reaches(node, "running")
    const { ID, Names } = (await containers()).find(({ Names }) => Names !== "foreign")!
    const [{ Config }] = JSON.parse(await engine.docker("inspect", ID)) as [
      { Config: { Labels: Record<string, string> } },
    ]
    const labels = Object.entries({ ...Config.Labels, "gatehouse.service": "forgotten" }).flatMap(([name, value]) => [
      "--label",
      `${name}=${value}`,
    ])
    await engine.docker("run", "-d", "--network", "elsewhere", "--name", "orphan", ...labels, "gatehouse/test-web:1")
    const orphans = await node.engine.unrecorded()
    expect(orphans.map(({ service }) => service)).toEqual(["forgotten"])
    expect(await node.engine.removeUnrecorded(ID)).toBe(false)
    expect(await node.engine.removeUnrecorded(orphans[0]!.container_id)).toBe(true)

    // A foreign container has the name that the next one of ours would get.
    await engine.docker(
      "run",
      "-d",
      "--network",
      "elsewhere",
      "--name",
      Names.replace(".1.", ".2.").replace(`.${firstPort}`, `.${firstPort + 1}`),
      "gatehouse/test-web:1",
    )
    await node.execute("UpdateService", { service_name: "web", changes: { memory_limit: "64m" } })
    await reaches(node, "running")
    expect(service(node)!.last_error!.detail).toContain("not ours")
    await node.execute("DeleteService", { service_name: "web", force: true })
    await reaches(node, "gone")
    expect(
      (await containers())
        .map(({ Names, State }) => [Names.startsWith("web.") ? "web" : Names, State])
        .sort((a, b) => (String(a) < String(b) ? -1 : 1)),
    ).toEqual([
      ["foreign", "running"],
      ["web", "running"],
    ])
  })
})

describe("an engine that is away", () => {
  test("while services are created: all of them run once it is back, once each", async () => {
    const node = await start()
    await Promise.all(["a", "b", "c"].map((service_name) => create(node, { service_name })))
    await reaches(node, "running", "a")
    await engine.restart()
    for (const name of ["a", "b", "c"]) await reaches(node, "running", name, 40_000)
    const names = (await containers()).map(({ Names }) => Names.split(".")[0]!).sort((a, b) => (a < b ? -1 : 1))
    expect(names).toEqual(["a", "b", "c"])
  })

  test("makes states unknown after a while, and questions 503; nothing else is disturbed", async () => {
    const node = await start()
    await create(node)
    await reaches(node, "running")
    process.kill(engine.pid, "SIGSTOP")
    try {
      await expect(node.engine.logs("web", { lines: 1, timestamps: false, since: undefined })).rejects.toMatchObject({
        code: "docker_unavailable",
      })
      expect(service(node)!.status).toBe("running")
    } finally {
      process.kill(engine.pid, "SIGCONT")
    }
    chmodSync(engine.host.replace("unix://", ""), 0o600)
  })
})
