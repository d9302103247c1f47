import { type RunningApi, runningApi } from "../api/running-api.ts"
import { afterAll, beforeAll, expect, test } from "vitest"
import { commandLine } from "./running-cli.ts"
import { eventually } from "../support/records.ts"

let api: RunningApi
let cli: ReturnType<typeof commandLine>
beforeAll(async () => {
  api = await runningApi()
  cli = commandLine(api)
  await api.token("alice")
  await cli(["proxy-create", "web.internal", "http://93.184.216.34", "ADMIN", "enable-https=false"])
  await cli(["proxy-update", "web.internal", "ADMIN", "target_url=http://93.184.216.35"])
  await cli(["proxy-create", "web.internal", "http://93.184.216.34", "ADMIN"])
})
afterAll(() => api.stop())
const shown = async (...words: string[]) => (await cli(words, { tty: true })).out

test("history leaves out times that the event's own line tells, and knows kinds by their other names", async () => {
  const text = await shown("history", "token", "alice")
  expect(text).toMatch(/^2 .* TokenCreated by ADMIN/)
  expect(text).toContain("    + preview: ")
  expect(await shown("history", "proxy", "web.internal")).not.toMatch(/updated_at|created_at/)
})

test("audit shows what a refused command was about, finds it by that, and tells of dead ones where to look", async () => {
  const text = await shown("audit", "object=proxy/web.internal")
  expect(text.trim().split("\n")).toHaveLength(3)
  expect(text).toContain("REJECTED already_exists: there is a proxy for web.internal already (proxy/web.internal)")
  const dead = api.bus.execute({ type: "NoSuchCommand", data: {}, actor: { name: "ADMIN", admin: true } }, 30_000)
  await expect(dead).rejects.toMatchObject({ code: "internal" })
  expect(await shown("audit", "status=dead")).toContain(
    "NoSuchCommand: DEAD: it could not be decided; see just deadletters",
  )
})

test("audit says where there is more, and who says what an actor is", async () => {
  expect(await shown("audit", "per_page=2")).toMatch(/\npage 1 of \d+, \d+ in all; more with --page 2\n$/)
  expect(await shown("audit", "per_page=2", "--page", "2")).toMatch(/\npage 2 of /)
  expect(await shown("who", "nobody")).toMatch(/^nothing\nby nobody; an actor is /)
})

test("replay shows one object whole", async () => {
  const text = await shown("replay", "3", "--kind", "proxy", "--name", "web.internal")
  expect(text).toMatch(/^state at position 3, .*\nproxy\/web\.internal, version 3\n/)
  expect(text).toMatch(/^target_url: +http:\/\/93\.184\.216\.34$/m)
})

test("undo says by itself why, and does not undo twice", async () => {
  expect(await shown("undo", "4", "--yes")).toMatch(/^it did:\n.*\ntaken back:\n/)
  expect(await shown("history", "proxy", "web.internal")).toContain("    because: undo of position 4\n")
  expect(await shown("undo", "4")).toMatch(/\nthere is nothing to take back\n$/)
})

test("rebuild says whether the node was right, in words", async () => {
  expect(await shown("rebuild-projection")).toMatch(/^folded anew to position 5, hash .*\nthe node had the same\n$/)
  api.projections.world.objects.proxy.delete("web.internal")
  expect(await shown("rebuild-projection")).toMatch(/goes on with what the log says: proxy\n$/)
})

test("A command that a foreign program wrote without its field is a dead letter, and neither audit nor verification trips over it", async () => {
  const entry = await api.redis.command("XADD {gh}:commands * foo bar")
  expect(entry).toContain("-0")
  await eventually(async () => (await shown("deadletters")).includes("the entry holds no command"), 15_000)
  expect((await cli(["audit", "status=dead"])).code).toBe(0)
  expect((await cli(["verify-log"])).code).toBe(0)
})
