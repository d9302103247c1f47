import { type RunningApi, runningApi } from "../api/running-api.ts"
import { afterAll, beforeAll, expect, test } from "vitest"
import { busySystem, passphrase } from "../api/configuration/busy-system.ts"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { commandLine } from "./running-cli.ts"
import { join } from "node:path"
import { tmpdir } from "node:os"

let [source, target]: RunningApi[] = []
let folder: string
beforeAll(async () => {
  source = await runningApi()
  target = await runningApi()
  folder = mkdtempSync(join(tmpdir(), "gatehouse-configuration-"))
  await busySystem(source)
})
afterAll(async () => {
  await Promise.all([source!.stop(), target!.stop()])
  rmSync(folder, { recursive: true })
})

const env = { EXPORT_PASSPHRASE: passphrase }
const saved = (name: string, text: string) => {
  writeFileSync(join(folder, name), text)
  return join(folder, name)
}

test("what export prints is what apply makes, after showing it and asking", async () => {
  const [from, to] = [commandLine(source!), commandLine(target!)]
  const printed = await from(["export", "secrets=true"], { env })
  expect([printed.code, printed.err]).toEqual([0, ""])
  const file = saved("whole.json", printed.out)
  const unasked = await to(["apply", file], { env })
  expect([unasked.code, unasked.out]).toEqual([3, ""])
  expect(unasked.err).toContain("This will be changed:\n  + tokens: Alice\n  + instances: db\n")
  const made = await to(["apply", file], { env, answers: ["y"] })
  expect([made.code, made.json()["digest"]]).toEqual([0, printed.json()["digest"]])
  const again = await to(["apply", file, "prune=true"], { env })
  expect([again.code, again.json<{ create: [] }>().create]).toEqual([0, []])
})

test("a change is shown field by field before the question", async () => {
  const cli = commandLine(source!)
  const shown = await cli(["export", "kinds=instances"])
  const document = shown.json<{ instances: object[] }>()
  const file = saved("some.json", JSON.stringify({ instances: [{ ...document.instances[0], description: "new" }] }))
  const asked = await cli(["apply", file], { answers: ["n"] })
  expect(asked.code).toBe(3)
  expect(asked.err).toContain('  ~ instances: db\n      description: "the store" → "new"\n')
  expect((await cli(["instance-show", "db"])).json()["description"]).toBe("the store")
})

test("what is wrong is said, with its exit status", async () => {
  const cli = commandLine(source!)
  const codes = async (...argv: string[]) => (await cli(argv)).code
  expect(await codes("export", "secrets=true")).toBe(2)
  expect(await codes("export", "everything")).toBe(2)
  expect(await codes("export", "kinds=clients")).toBe(1)
  expect(await codes("apply", join(folder, "none.json"))).toBe(2)
  expect(await codes("apply", saved("broken.json", "{"))).toBe(2)
  const refused = await cli([
    "apply",
    saved("bad.json", '{"instances":[{"name":"x","target_url":"http://[fe80::1]"}]}'),
  ])
  expect([refused.code, refused.out]).toEqual([1, ""])
  expect(refused.err).toMatch(/^instances: x: forbidden_target: .*\nforbidden_target: /)
  const short = await cli(["export", "secrets=true"], { env: { EXPORT_PASSPHRASE: "short" } })
  expect([short.code, short.err]).toEqual([1, expect.stringMatching(/^passphrase_required: /)])
  expect((await cli(["export", "secrets=true"], { env: { EXPORT_PASSPHRASE: "pässphrase of mine" } })).code).toBe(2)
})
