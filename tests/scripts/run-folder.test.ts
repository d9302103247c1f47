import { afterEach, describe, expect, it } from "vitest"
import { existsSync, readFileSync } from "node:fs"
import { eventually } from "../support/gatehouse.ts"
import { join } from "node:path"
import { once } from "node:events"
import { programEnvironment } from "../support/program-environment.ts"
import { spawn } from "node:child_process"

const place = join(import.meta.dirname, "../../scripts/run-folder/run-folder.ts")

/** Starts a child that ignores signals, a child of a child, and two daemons without the environment; prints folder and pids. */
const program = `
import { openRunFolder } from ${JSON.stringify(place)}
import { spawn } from "node:child_process"
import { openSync } from "node:fs"
const folder = openRunFolder()
const deaf = spawn("sh", ["-c", "trap '' TERM INT HUP; sleep 1000 & echo $!; wait"], { stdio: ["ignore", "pipe", "ignore"] })
const log = openSync(folder + "/log", "a")
const daemon = spawn("sleep", ["1000"], { env: {}, detached: true, stdio: ["ignore", log, log] })
const server = spawn("sleep", ["1000"], { env: {}, detached: true, stdio: "ignore", cwd: folder })
deaf.stdout.once("data", (pid) => console.log(JSON.stringify([folder, deaf.pid, Number(pid), daemon.pid, server.pid])))
setInterval(() => {}, 1000)
`

const runs = (pid: number) => {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, "utf8"))
  } catch {
    return false
  }
}

async function start() {
  const child = spawn(process.execPath, ["--input-type=module", "-e", program], {
    env: programEnvironment(),
    stdio: ["ignore", "pipe", "ignore"],
  })
  const [line] = (await once(child.stdout, "data")) as [Buffer]
  const [folder, ...pids] = JSON.parse(line.toString()) as [string, ...number[]]
  started.push(child.pid!, ...pids)
  return { child, folder, pids }
}

const started: number[] = []
afterEach(() =>
  started
    .splice(0)
    .filter(runs)
    .forEach((pid) => process.kill(pid, "SIGKILL")),
)

describe("a run that ends", () => {
  it.each(["SIGKILL", "SIGINT"] as const)(
    "by %s takes with it all that it has started, and its files",
    async (signal) => {
      const { child, folder, pids } = await start()
      expect(pids.map(runs)).toEqual([true, true, true, true])
      child.kill(signal)
      await eventually("all are gone", async () => !pids.some(runs) && !existsSync(folder))
    },
  )

  it("leaves what others have started", async () => {
    const [one, two] = [await start(), await start()]
    one.child.kill("SIGKILL")
    await eventually("the first is gone", async () => !one.pids.some(runs) && !existsSync(one.folder))
    expect([...two.pids.map(runs), existsSync(two.folder)]).toEqual([true, true, true, true, true])
    two.child.kill("SIGKILL")
    await eventually("the second is gone", async () => !two.pids.some(runs) && !existsSync(two.folder))
  })
})

it("these tests are such a run", () => {
  expect(process.env["TMPDIR"]).toMatch(/gatehouse-run-\w+$/)
})
