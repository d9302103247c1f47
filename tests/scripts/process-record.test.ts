import { spawn, type ChildProcess } from "node:child_process"
import { once } from "node:events"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, afterEach, describe, expect, it } from "vitest"
import { identify, isRunning, readState, runningProcess, stop, writeState } from "../../scripts/stack/process-record.ts"

const folder = mkdtempSync(join(tmpdir(), "gatehouse-process-"))
const children: ChildProcess[] = []
afterEach(() => {
  for (const child of children.splice(0)) child.kill("SIGKILL")
})
afterAll(() => rmSync(folder, { recursive: true }))

async function start(code: string): Promise<number> {
  const child = spawn(process.execPath, ["-e", `${code}; setInterval(() => {}, 1000); console.log("up")`])
  children.push(child)
  await once(child.stdout, "data")
  return child.pid!
}

describe("a process", () => {
  it("is told from another one that has its number", async () => {
    const pid = await start("")
    const record = identify(pid)!
    expect(isRunning(record)).toBe(true)
    const other = { pid, start: `${record.start}0` }
    expect(isRunning(other)).toBe(false)
    expect(await stop(other, 1_000)).toBe("gone")
    expect(isRunning(record)).toBe(true)
  })

  it("ends on SIGTERM", async () => {
    const record = identify(await start(""))!
    expect(await stop(record, 5_000)).toBe("ended")
    expect(identify(record.pid)).toBeUndefined()
    expect(await stop(record, 5_000)).toBe("gone")
  })

  it("is killed when it does not end in time", async () => {
    const record = identify(await start('process.on("SIGTERM", () => {})'))!
    expect(await stop(record, 200)).toBe("killed")
    expect(isRunning(record)).toBe(false)
  })

  it("may have any name", async () => {
    const pid = await start('process.title = "a) Z 1 (b"')
    expect(identify(pid)?.start).toMatch(/^[0-9a-f-]+\/\d+$/)
  })
})

describe("a state file", () => {
  const file = join(folder, "state.json")

  it("leads back to its process for as long as that runs", async () => {
    const record = identify(await start(""))!
    writeState(file, { process: record, exits: 0, lastExit: null })
    expect(runningProcess(file)).toEqual(record)
    await stop(record, 5_000)
    expect(runningProcess(file)).toBeUndefined()
    expect(readState(file)?.process).toEqual(record)
  })

  it.each([
    "",
    "{",
    "null",
    "[]",
    '{"process":{"pid":1,"start":"x"}}',
    '{"process":{"pid":-5,"start":"x"}}',
    '{"process":"x"}',
  ])("that holds %j leads to no process", (text) => {
    writeFileSync(file, text)
    expect(runningProcess(file)).toBeUndefined()
  })
})
