import { describe, expect, test } from "vitest"
import { dockerSite } from "./docker-site.ts"
import { readFileSync } from "node:fs"
import { until } from "./acme-site.ts"

// Here an engine that does not answer is waited for.
const site = dockerSite({}, 5)
const names = Array.from({ length: 10 }, (_, at) => `s${at}`)
const statusOf = (name: string) => site.service(name)?.status

/** Stops all threads of the engine; a signal alone has not happened when it was sent. */
async function freeze(): Promise<void> {
  process.kill(site.engine.pid, "SIGSTOP")
  const stopped = () => /^State:\s+T/m.test(readFileSync(`/proc/${site.engine.pid}/status`, "utf8"))
  await until("the engine is frozen", stopped, site.node)
}

describe("an engine that is away", () => {
  test.each([1, 6])(
    "killed while ten services are created, when %i run: exactly ten, once each",
    async (already) => {
      await Promise.all(names.map((service_name) => site.create({ service_name })))
      // Containers end with their engine: one that was started before says nothing about now.
      let killed = 0
      const isRunning = (name: string) =>
        statusOf(name) === "running" && Date.parse(site.service(name)!.started_at!) > killed
      const running = () => names.filter(isRunning).length
      await until(`${already} run`, () => running() >= already, site.node, 30_000)
      await site.engine.kill()
      killed = Date.now()
      await site.engine.restart()
      await until("all run", () => running() === names.length, site.node, 80_000)
      for (const name of names) expect(await site.ask("/", name)).toBe("one")
      const services = names.map((name) => site.service(name)!)
      const there = await site.containers()
      expect(there.map(({ ID, State }) => `${ID} ${State}`).sort()).toEqual(
        services.map(({ serving }) => `${serving!.container_id} running`).sort(),
      )
      expect(services.map(({ ports, serving }) => ports.length === 1 && ports[0] === serving!.port)).not.toContain(
        false,
      )
      expect(new Set(services.flatMap(({ ports }) => ports)).size).toBe(names.length)
      // More than its waits together, so that the one that is too long says so.
    },
    150_000,
  )

  test("makes states unknown after a while, questions 503, and all is as asked when it is back", async () => {
    await Promise.all(["web", "rests", "goes"].map((service_name) => site.create({ service_name })))
    for (const name of ["web", "rests", "goes"]) await site.reaches("running", name)
    const before = site.service()!.serving
    await freeze()
    try {
      const question = site.node.engine.logs("web", { lines: 1, timestamps: false, since: undefined })
      await expect(question).rejects.toMatchObject({ code: "docker_unavailable" })
      await site.reaches("unknown")
      expect(site.service()!.serving).toEqual(before)
      // Everything can be asked for meanwhile; the container still answers.
      await site.node.execute("StopService", { service_name: "rests", grace: 1 })
      await site.remove("goes")
      await site.create({ service_name: "later" })
      expect(await site.ask()).toBe("one")
    } finally {
      process.kill(site.engine.pid, "SIGCONT")
    }
    await site.reaches("running")
    await site.reaches("stopped", "rests")
    await site.reaches("gone", "goes")
    await site.reaches("running", "later")
    expect(site.service()!.serving).toEqual(before)
    const states = (await site.containers()).map(({ Names, State }) => `${Names.split(".")[0]} ${State}`)
    expect(states.sort()).toEqual(["later running", "rests exited", "web running"])
  })
})
