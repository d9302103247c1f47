import { type RunningApi, runningApi } from "../api/running-api.ts"
import { afterAll, beforeAll, expect, test } from "vitest"
import { commandLine } from "./running-cli.ts"

let api: RunningApi
let cli: ReturnType<typeof commandLine>
beforeAll(async () => {
  api = await runningApi()
  cli = commandLine(api)
  await api.token("alice")
})
afterAll(() => api.stop())

test("events prints what happens, one line each, until its limit", async () => {
  const lines = await cli(["events", "from=1", "limit=2", "--output", "json"])
  const events = lines.out
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as { position: number; type: string })
  expect([lines.code, ...events.map(({ position, type }) => `${position} ${type}`)]).toEqual([
    0,
    "1 TokenCreated",
    "2 TokenCreated",
  ])
  const table = await cli(["events", "from=1", "limit=1", "name=alice"], { tty: true })
  expect(table.out).toMatch(/^ +2 {2}\S+Z {2}TokenCreated {2}api-token\/alice {2}ADMIN\n$/)
})

test.each([
  [["events", "type=Nothing"], 1, /validation_failed/],
  [["events", "limit=x"], 2, /limit is a number/],
  [["events", "from"], 2, /is not filter=value/],
])("%j is refused", async (argv, code, message) => {
  const ran = await cli(argv)
  expect([ran.code, ran.out]).toEqual([code, ""])
  expect(ran.err).toMatch(message)
})

test("A webhook lives through its recipes", async () => {
  const url = "https://hooks.example.com/in"
  const made = await cli([
    "webhook-create",
    "w",
    url,
    "alice",
    "types=ProxyCreated,ProxyDeleted",
    "description=deploys",
  ])
  expect(made.json()).toMatchObject({ owner: "alice", filter: { types: ["ProxyCreated", "ProxyDeleted"] } })
  expect(made.json()["secret"]).toMatch(/^whsec_/)
  expect((await cli(["webhook-list"])).json()).toMatchObject({ webhooks: [{ name: "w" }] })
  expect((await cli(["webhook-update", "w", "alice", "enabled=false"])).json()).toMatchObject({ enabled: false })
  expect((await cli(["webhook-rotate", "w", "alice", "2"])).json()["secret"]).not.toBe(made.json()["secret"])
  expect((await cli(["webhook-replay", "w", "1"])).json()).toMatchObject({ delivery: { position: 0 } })
  expect((await cli(["webhook-show", "w"])).json()).toMatchObject({ dead_letters: [] })
  expect((await cli(["webhook-retry", "w", "1"])).err).toMatch(/^not_found/)
  expect((await cli(["webhook-create", "w", url, "alice"])).err).toMatch(/^already_exists/)
  expect((await cli(["webhook-delete", "w", "alice"])).code).toBe(3)
  expect((await cli(["webhook-delete", "w", "alice", "--yes"])).code).toBe(0)
  expect((await cli(["webhook-show", "w"])).err).toMatch(/^not_found/)
})
