import { describe, expect, test } from "vitest"
import { readFileSync, readdirSync } from "node:fs"
import { dockerSite } from "./docker-site.ts"
import { setTimeout as delay } from "node:timers/promises"
import { eventually } from "../support/gatehouse.ts"
import { until } from "./acme-site.ts"

const site = dockerSite()
/** Listens once it is let; each start of the container closes the gate again. */
const gated = ["/bin/sh", "-c", "while [ ! -e /tmp/go ]; do sleep 0.05; done; exec /bin/httpd -f -p 8080 -h /www"]
const open = () => inside("touch", "/tmp/go")
const crashes = () => site.node.history("web", "service").filter((type) => type === "ServiceCrashed").length
const started = async (id: string) => await site.engine.docker("inspect", "--format", "{{.State.StartedAt}}", id)

/** Runs a command in the container, once it is up. */
async function inside(...command: string[]): Promise<void> {
  const run = () => site.engine.docker("exec", site.service()!.container!.container_id, ...command)
  await eventually(
    "the container runs",
    () =>
      run().then(
        () => true,
        () => false,
      ),
    30_000,
  )
}

async function begin(): Promise<string> {
  await site.create({ command: gated })
  await until("it is made", () => site.service()?.container != null, site.node, 30_000)
  await open()
  await site.reaches("running")
  return site.service()!.serving!.container_id
}

/** The engine's own proxy before the service's port. */
function proxyPid(): number {
  const port = String(site.service()!.container!.port)
  const pids = readdirSync("/proc").filter((name) => /^\d+$/.test(name))
  return pids.map(Number).find((pid) => {
    const words = commandLine(pid)
    return words[0]?.endsWith("docker-proxy") === true && words[words.indexOf("-host-port") + 1] === port
  })!
}

function commandLine(pid: number): string[] {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0")
  } catch {
    return []
  }
}

describe("a container that was started again while nobody looked", () => {
  test.each([
    ["the engine was killed", () => site.engine.restart()],
    [
      "Gatehouse was away",
      async (id: string) => {
        await site.rest()
        await site.engine.docker("restart", "-t", "1", id)
        site.work()
      },
    ],
  ])("because %s is not shown as running before it answers", async (_why, restart) => {
    const id = await begin()
    const before = await started(id)
    const past = crashes()
    await restart(id)
    await until("it was seen to have ended", () => crashes() > past, site.node, 30_000)
    expect(site.service()!.serving).toBeNull()
    await open()
    await site.reaches("running")
    expect(await site.ask()).toBe("one")
    expect(await started(site.service()!.serving!.container_id)).not.toBe(before)
  })

  test("is told from one that went on: that one gets no record", async () => {
    await begin()
    await site.rest()
    const before = site.node.history("web", "service")
    site.work()
    const looked = () => site.node.logLines.filter((line) => line.includes("service_looked_at")).length
    const seen = looked()
    await until("it was looked at", () => looked() > seen, site.node)
    expect(site.node.history("web", "service")).toEqual(before)
    expect(await site.ask()).toBe("one")
  })
})

describe("a port that takes connections", () => {
  test("is no sign of a container that listens: the engine's proxy takes them before", async () => {
    await site.create({ command: gated })
    await until("it is made", () => site.service()?.container != null, site.node, 30_000)
    await inside("true")
    const pid = proxyPid()
    // A proxy without time to notice that nobody listens behind it, as on a busy machine.
    process.kill(pid, "SIGSTOP")
    try {
      // Five times as long as the readiness takes to believe in a port.
      await delay(2000)
      expect(site.service()!.status).toBe("starting")
    } finally {
      process.kill(pid, "SIGCONT")
    }
    await open()
    await site.reaches("running")
    expect(await site.ask()).toBe("one")
  })
})
