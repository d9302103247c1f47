import { describe, expect, test } from "vitest"
import { execFile } from "node:child_process"

const run = (at: string | undefined, ...names: string[]) =>
  new Promise<{ signal: unknown; stdout: string }>((resolve) => {
    const source = `
      import { crashPoints } from ${JSON.stringify(new URL("../../src/platform/crash-point.ts", import.meta.url).href)}
      import { writeSync } from "node:fs"
      const crash = crashPoints(${JSON.stringify(at)})
      for (const name of ${JSON.stringify(names)}) { writeSync(1, name + "\\n"); crash(name) }
    `
    execFile(process.execPath, ["--input-type=module", "-e", source], (error, stdout) =>
      resolve({ signal: error?.signal ?? null, stdout: stdout.trim().split("\n").join(" ") }),
    )
  })

describe("a crash point", () => {
  test("does nothing when none was asked for", async () => {
    expect(await run(undefined, "a", "b")).toEqual({ signal: null, stdout: "a b" })
  })

  test("kills at the named point only", async () => {
    expect(await run("b", "a", "b", "c")).toEqual({ signal: "SIGKILL", stdout: "a b" })
    expect(await run("z", "a", "b")).toEqual({ signal: null, stdout: "a b" })
  })

  test("kills at the n-th pass", async () => {
    expect(await run("a#3", "a", "b", "a", "a", "a")).toEqual({ signal: "SIGKILL", stdout: "a b a a" })
  })
})
