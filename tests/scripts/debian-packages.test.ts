import { execFileSync, spawnSync } from "node:child_process"
import { mkdtempSync, readFileSync, rmSync, symlinkSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { expect, it } from "vitest"

const script = join(import.meta.dirname, "../../scripts/debian-packages.sh")

/** Runs the script as somebody who is not root, where the tests may choose. */
function asNobody(args: string[], path = process.env["PATH"] ?? "") {
  const drop = process.getuid?.() === 0 ? ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"] : []
  const [command, ...rest] = [...drop, "env", `PATH=${path}`, "sh", "-s", "--", ...args]
  // By standard input: the checkout may lie where nobody but its owner can read.
  return spawnSync(command!, rest, { encoding: "utf8", input: readFileSync(script) })
}

it("does nothing when every program is there", () => {
  const { status, stdout, stderr } = asNobody(["sh:dash", "env:coreutils"])
  expect({ status, stdout, stderr }).toEqual({ status: 0, stdout: "", stderr: "" })
})

it("tells somebody who is not root what to install", () => {
  const { status, stderr } = asNobody(["sh:dash", "no-such-program-1:first", "no-such-program-2:second"])
  expect(status).toBe(1)
  expect(stderr).toBe("gatehouse: missing: first second; run as root: apt-get install first second\n")
})

it("tells that it knows Debian only", () => {
  const folder = mkdtempSync(join(tmpdir(), "gatehouse-path-"))
  execFileSync("chmod", ["755", folder])
  for (const program of ["sh", "id"])
    symlinkSync(execFileSync("which", [program], { encoding: "utf8" }).trim(), join(folder, program))
  const path = { ...process.env, PATH: folder }
  const { status, stderr } = spawnSync(join(folder, "sh"), [script, "no-such-program-1:first"], {
    encoding: "utf8",
    env: path,
  })
  rmSync(folder, { recursive: true })
  expect(status).toBe(1)
  expect(stderr).toBe("gatehouse: missing: first; this is not Debian, so install them by hand and run this again\n")
})
