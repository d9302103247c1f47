import { spawn } from "node:child_process"
import { appendFileSync, existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { setTimeout as delay } from "node:timers/promises"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { openHome, type Home } from "../../scripts/stack/home.ts"
import { identify, isRunning, readState, writeState } from "../../scripts/stack/process-record.ts"
import { logFile, stateFile, supervise, type Service } from "../../scripts/stack/supervisor.ts"

let home: Home
let stopping: AbortController
let running: Promise<void> | undefined
let said: string[]

beforeEach(() => {
  home = openHome(mkdtempSync(join(tmpdir(), "gatehouse-supervisor-")))
  stopping = new AbortController()
  said = []
})
afterEach(async () => {
  stopping.abort()
  await running
  rmSync(home.root, { recursive: true })
})

const program = (name: string, code: string): Service => ({
  name,
  command: process.execPath,
  args: ["-e", code],
  grace: 5_000,
})
const forever = (name: string) => program(name, `console.log("${name} runs"); setInterval(() => {}, 1000)`)
const begin = (...services: Service[]) => {
  running = supervise(services, home, stopping.signal, (line) => said.push(line))
}
const state = (name: string) => readState(stateFile(home, name))

async function until<T>(probe: () => T | undefined | false | null): Promise<T> {
  for (const deadline = performance.now() + 10_000; ; await delay(20)) {
    const value = probe()
    if (value !== undefined && value !== false && value !== null) return value
    if (performance.now() > deadline) throw new Error(`not within 10 s; said: ${said.join(" | ")}`)
  }
}

describe("the supervisor", () => {
  it("starts again what was killed", async () => {
    begin(forever("one"))
    const first = await until(() => state("one")?.process)
    process.kill(first.pid, "SIGKILL")
    const second = await until(() => state("one")?.process?.pid !== first.pid && state("one")?.process)
    expect(isRunning(second)).toBe(true)
    expect(state("one")).toMatchObject({ exits: 1, lastExit: "was ended by SIGKILL" })
  })

  it("ends everything when told to, the last one first, and leaves no state", async () => {
    const slow = program(
      "two",
      'process.on("SIGTERM", () => setTimeout(() => process.exit(0), 300)); setInterval(() => {}, 1000); console.log("up")',
    )
    begin(forever("one"), slow)
    await until(() => existsSync(logFile(home, "two")) && readFileSync(logFile(home, "two"), "utf8").includes("up"))
    const [one, two] = [state("one")!.process!, state("two")!.process!]
    stopping.abort()
    await until(() => !isRunning(two))
    await running
    expect(isRunning(one)).toBe(false)
    expect(said.slice(-2)).toEqual(["two: ended", "one: ended"])
    expect([state("one"), state("two")]).toEqual([undefined, undefined])
  })

  it("waits longer before each new start of what ends at once, and tells how it ended", async () => {
    begin(program("bad", "process.exit(7)"))
    await until(() => state("bad")?.exits === 2)
    expect(state("bad")?.lastExit).toBe("ended with status 7")
    const pauses = said.flatMap((line) => /in (\d+) ms/.exec(line)?.[1] ?? [])
    expect(pauses).toEqual(["500", "1000"])
  })

  it("tells when there is no such program", async () => {
    begin({ name: "none", command: "/nowhere/program", args: [], grace: 1_000 })
    await until(() => state("none")?.exits === 1)
    expect(state("none")?.lastExit).toContain("cannot run /nowhere/program")
  })

  it("ends what an earlier supervisor left behind before it starts its own", async () => {
    const orphan = spawn(process.execPath, ["-e", "setInterval(() => {}, 1000)"])
    const left = identify(orphan.pid!)!
    writeState(stateFile(home, "one"), { process: left, exits: 0, lastExit: null })
    begin(forever("one"))
    await until(() => state("one")?.process?.pid !== left.pid)
    expect(isRunning(left)).toBe(false)
  })

  it("keeps one old log when a log has grown large", async () => {
    appendFileSync(logFile(home, "one"), Buffer.alloc(65 * 1024 * 1024, "x"))
    begin(forever("one"))
    const now = await until(() => existsSync(`${logFile(home, "one")}.1`) && readFileSync(logFile(home, "one"), "utf8"))
    expect(now.length).toBeLessThan(1_000)
  })
})
