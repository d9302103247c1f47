import { afterEach, beforeEach, describe, expect, test } from "vitest"
import { chmodSync, linkSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, truncateSync, writeFileSync } from "node:fs"
import { buildContext } from "../../src/effects/build-context.ts"
import { execFileSync } from "node:child_process"
import { join } from "node:path"
import { tmpdir } from "node:os"

let above: string
let root: string
const at = (...names: string[]) => join(root, ...names)
const listed = (tar: Buffer) => execFileSync("tar", ["-tvf", "-"], { input: tar, encoding: "utf8" })
const refused = (text: RegExp, dockerfile = "web/Dockerfile", context: string | null = null) =>
  expect(buildContext(root, dockerfile, context)).rejects.toMatchObject({
    code: "permanent",
    message: expect.stringMatching(text),
  })

beforeEach(() => {
  above = mkdtempSync(join(tmpdir(), "gatehouse-build-"))
  root = join(above, "builds")
  mkdirSync(at("web/deep"), { recursive: true })
  writeFileSync(at("web/Dockerfile"), "FROM scratch\n")
  writeFileSync(join(above, "secret"), "s3cret")
})
afterEach(() => rmSync(above, { recursive: true }))

describe("what a build is given", () => {
  test("is a tar archive of ordinary files, empty and long-named ones too", async () => {
    const long = `${"d".repeat(90)}/${"f".repeat(95)}`
    mkdirSync(at("web", "d".repeat(90)))
    writeFileSync(at("web", long), "x")
    writeFileSync(at("web/empty"), "")
    writeFileSync(at("web/deep/Ünïcode name"), "ü")
    writeFileSync(at("web/run"), "#!/bin/sh\n", { mode: 0o4777 })
    chmodSync(at("web/run"), 0o4777)
    const { tar, dockerfile } = await buildContext(root, "web/Dockerfile", null)
    expect(dockerfile).toBe("Dockerfile")
    const lines = listed(tar)
    expect(lines).toContain(long)
    expect(lines).toMatch(/ 0 .* empty$/m)
    expect(lines).toMatch(/^-rwxr-xr-x 0\/0 .* run$/m)
    expect(lines.trim().split("\n")).toHaveLength(5)
  })

  test("may be a folder above the Dockerfile's, with the build directory's own name before it", async () => {
    writeFileSync(at("web/deep/Dockerfile"), "FROM scratch\n")
    expect((await buildContext(root, "builds/web/deep/Dockerfile", "web")).dockerfile).toBe("deep/Dockerfile")
    await refused(/not inside the context/, "web/Dockerfile", "web/deep")
  })
})

describe("what a build is not given", () => {
  test("a link, to a file or to a folder, inside or out", async () => {
    symlinkSync(join(above, "secret"), at("web/link"))
    await refused(/link is neither a file nor a folder/)
    rmSync(at("web/link"))
    symlinkSync("/etc", at("web/deep/etc"))
    await refused(/deep\/etc is neither a file nor a folder/)
  })

  test("a hard link, whose other name may be anywhere", async () => {
    linkSync(join(above, "secret"), at("web/hard"))
    await refused(/hard is a hard link/)
  })

  test("a queue, which would be waited at for ever", async () => {
    execFileSync("mkfifo", [at("web/queue")])
    await refused(/queue is neither/)
  })

  test.each([
    ["../secret"],
    ["web/../../secret"],
    ["/etc/passwd"],
    ["web/out/secret"],
    ["gone/Dockerfile"],
    ["builds/../../secret"],
  ])("%s as its Dockerfile", async (path) => {
    symlinkSync(above, at("web/out"))
    await refused(/there is no /, path)
  })

  test("a context behind a link", async () => {
    symlinkSync(above, at("out"))
    await refused(/there is no out/, "web/Dockerfile", "out")
  })

  test("more than 64 MiB, in one file or in many", async () => {
    writeFileSync(at("web/large"), "")
    truncateSync(at("web/large"), 64 * 2 ** 20 + 1)
    await refused(/larger than 64 MiB/)
    truncateSync(at("web/large"), 40 * 2 ** 20)
    writeFileSync(at("web/more"), "")
    truncateSync(at("web/more"), 40 * 2 ** 20)
    await refused(/larger than 64 MiB/)
  })

  test("more files and folders than are read, empty ones too", async () => {
    for (const name of ["a", "b", "c"]) mkdirSync(at("web/deep", name))
    const limits = { bytes: 2 ** 20, entries: 4 }
    await expect(buildContext(root, "web/Dockerfile", null, limits)).rejects.toThrow("1 MiB or 4 files and folders")
    await buildContext(root, "web/Dockerfile", null, { ...limits, entries: 5 })
  })
})
