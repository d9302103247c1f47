import { type RunningApi, runningApi } from "../api/running-api.ts"
import { afterAll, beforeAll, expect, test } from "vitest"
import { rewriteLog, withField } from "../support/log-rewrite.ts"
import { commandLine } from "./running-cli.ts"

let api: RunningApi
let cli: ReturnType<typeof commandLine>
beforeAll(async () => {
  api = await runningApi()
  cli = commandLine(api)
  await api.token("alice")
  await cli(["proxy-create", "web.internal", "http://93.184.216.34", "ADMIN", "enable-https=false"])
})
afterAll(() => api.stop())

test("replay shows what there was, and what has changed since", async () => {
  await cli(["proxy-update", "web.internal", "ADMIN", "target_url=http://93.184.216.35"])
  const shown = await cli(["replay", "--to", "3", "--kind", "proxy"], { tty: true })
  expect(shown.out).toMatch(/^state at position 3, hash [0-9a-f]{64}\nKIND +ID +VERSION\nproxy +web\.internal +3\n/)
  const compared = await cli(["replay", "3", "--diff"], { tty: true })
  expect(compared.out).toContain("~ proxy/web.internal changed\n")
  expect(compared.out).toContain("    ~ target_url: http://93.184.216.34 → http://93.184.216.35\n")
  expect((await cli(["replay", "3"])).json<{ digest: { position: number } }>().digest.position).toBe(3)
  expect((await cli(["replay", "4711"])).err).toMatch(/^not_found: /)
  expect((await cli(["replay"])).code).toBe(2)
})

test("log-stats and verify-log say how the log is, and verify-log fails when it is not", async () => {
  expect((await cli(["log-stats"], { tty: true })).out).toMatch(
    /^position 4; Redis holds 1 to 4\nSTREAM +ENTRIES +SIZE\n/,
  )
  const whole = await cli(["verify-log"], { tty: true })
  expect([whole.code, whole.out]).toEqual([0, expect.stringMatching(/^positions 1 to 4 are whole/)])
  await rewriteLog(api.redis.url, (entries) =>
    entries.with(1, [entries[1]![0], withField(entries[1]![1], "meta", (meta) => meta.replace("ADMIN", "admin"))]),
  )
  const bad = await cli(["verify-log"], { tty: true })
  expect([bad.code, bad.out, bad.err]).toEqual([
    1,
    expect.stringContaining("BAD at position 2"),
    expect.stringMatching(/^chain: position 2 does not follow/),
  ])
})
