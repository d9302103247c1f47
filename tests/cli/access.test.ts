import { type RunningApi, runningApi } from "../api/running-api.ts"
import { accessLogOf, request } from "../api/endpoints/access-log.ts"
import { afterAll, beforeAll, expect, test } from "vitest"
import { commandLine } from "./running-cli.ts"

let api: RunningApi
let cli: ReturnType<typeof commandLine>
let log: ReturnType<typeof accessLogOf>
beforeAll(async () => {
  api = await runningApi()
  cli = commandLine(api)
  log = accessLogOf(api)
  await api.token("alice")
  for (let batch = 0; batch < 3; batch += 1)
    await log.write(Array.from({ length: 70 }, (_, at) => request({ path: `/${batch}-${at}` })))
  await log.write([
    request({
      ...{
        at: Date.UTC(2026, 0, 2),
        path: `/\u001b[2J${"x".repeat(300)}`,
        status: 502,
        reason: "upstream_unreachable",
      },
      ...{ subject: "u1", client_id: "c1", mcp: { method: "tools/call", name: "t", rule: "1" } },
    }),
  ])
})
afterAll(async () => {
  log.close()
  await api.stop()
})

interface Found {
  readonly requests: readonly { readonly number: number; readonly path: string }[]
}
const found = async (...argv: string[]) => {
  const ran = await cli(["access", ...argv])
  expect([ran.code, ran.err]).toEqual([0, ""])
  return ran.json<Found>().requests
}

test("access prints the newest requests, a hundred or as many as are asked for, from as many pages as it takes", async () => {
  expect((await found()).map(({ number }) => number)).toEqual(Array.from({ length: 100 }, (_, at) => 211 - at))
  expect(await found("limit=2")).toHaveLength(2)
  expect((await found("limit=150")).map(({ number }) => number)).toEqual(
    Array.from({ length: 150 }, (_, at) => 211 - at),
  )
  expect(await found("limit=1000")).toHaveLength(211)
  expect((await found("path=/1-", "limit=1000")).map(({ path }) => path)).toEqual(
    Array.from({ length: 70 }, (_, at) => `/1-${69 - at}`),
  )
  expect(await found("token=alice")).toEqual([])
  expect((await found("--page", "3", "--per-page", "2")).map(({ number }) => number)).toEqual([207, 206])
})

test("on a terminal each is a line, in which nothing writes to the terminal", async () => {
  const { out } = await cli(["access", "status=5xx"], { tty: true })
  expect(out).toBe(
    `2026-01-02T00:00:00.000Z  203.0.113.9  GET a.internal/?[2J${"x".repeat(195)}… (tools/call t)  502 2 B 1.5 ms  u1 by c1  upstream_unreachable\n`,
  )
  expect((await cli(["access", "status=0"], { tty: true })).out).toBe("nothing\n")
  expect((await cli(["access", "--page", "1", "--per-page", "1"], { tty: true })).out).toMatch(
    /\npage 1 of 211; more with --page 2\n$/,
  )
})

test("access --follow prints them as they end, until its limit", async () => {
  const argv = ["access", "--follow", "from=210", "limit=3", "path=/"]
  const [ran] = await Promise.all([cli(argv), log.write([request({ path: "/followed" })])])
  const lines = ran.out.trim().split("\n")
  expect([ran.code, lines.map((line) => (JSON.parse(line) as { number: number }).number)]).toEqual([0, [210, 211, 212]])
  const table = await cli(["access", "follow=true", "from=212", "limit=1"], { tty: true })
  expect(table.out).toMatch(/^\S+Z {2}203\.0\.113\.9 {2}GET a\.internal\/followed {2}200 2 B 1\.5 ms\n$/)
})

test.each([
  [["access", "status=many"], 1, /validation_failed/],
  [["access", "--follow", "to=3"], 1, /validation_failed/],
  [["access", "limit=x"], 2, /limit is a number/],
  [["access", "5xx"], 2, /is not filter=value/],
  [["access", "--folow"], 2, /has no --folow|needs a value/],
])("%j is refused", async (argv, code, message) => {
  const ran = await cli(argv)
  expect([ran.code, ran.out]).toEqual([code, ""])
  expect(ran.err).toMatch(message)
})
