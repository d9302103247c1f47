import { programEnvironment } from "../support/program-environment.ts"
import { type LogNodes, createProxy, logNodes } from "../support/log-nodes.ts"
import type { Node } from "../support/gatehouse.ts"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { cpSync, existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs"
import { eventually, soonTakenOver } from "../support/gatehouse.ts"
import { execFileSync } from "node:child_process"
import { setTimeout as delay } from "node:timers/promises"
import { join } from "node:path"
import { redisServer } from "../support/redis-server.ts"
import { tmpdir } from "node:os"
import { until } from "../support/until.ts"

interface Report {
  segments: { first: number; last: number; file: string }[]
  archived: number
  first: number
  kept: string | null
}

let nodes: LogNodes
let archive: string
beforeEach(async () => {
  nodes = await logNodes()
  archive = mkdtempSync(join(tmpdir(), "gatehouse-archive-"))
  return () => rmSync(archive, { recursive: true, force: true })
})
afterEach(() => nodes.stop())

const start = (env: Record<string, string> = {}) => nodes.node({ ARCHIVE_DIR: archive, ...env })
const archiveOn = (node: Node, keep = 1, segment = 3) =>
  node.api<Report & { code: string }>("POST", "/api/v1/log/archive", { keep, segment })
const replayed = async (node: Node, to: number) =>
  (await node.api<{ digest: object }>("GET", `/api/v1/log/replay?to=${to}&per_page=1`)).body.digest
const verified = async (node: Node) =>
  (await node.api<{ ok: boolean; problem: object }>("GET", "/api/v1/log/verify")).body
const files = () => readdirSync(archive).filter((name) => name.endsWith(".gz"))

/** Positions 1 to n, all of which are read again later. */
async function filled(node: Node, names: readonly string[]): Promise<number> {
  let position = 0
  for (const name of names) position = await createProxy(node, name)
  await node.api("POST", "/api/v1/proxy/targets", { hostname: "a.test", target_url: "http://127.0.0.1:1" })
  return position
}

describe("the log behind an archive", () => {
  it("is one log for events, replay, verification, a second node and a node that starts with nothing", async () => {
    const one = await start()
    const two = await start()
    const position = await filled(one, ["a", "b", "c", "d"])
    const before = await replayed(one, position)
    const report = (await archiveOn(one)).body
    expect(report.kept).toBeNull()
    expect(report.segments.length).toBeGreaterThan(1)
    expect(report.first).toBe(report.archived + 1)
    expect(await nodes.redis.command("XRANGE {gh}:events - + COUNT 1")).toContain(`${report.first}-0`)
    for (const node of [one, two, await start()]) {
      expect(await replayed(node, position)).toEqual(before)
      const { events } = (await node.api<{ events: { position: number }[] }>("GET", "/api/v1/events?order=asc")).body
      expect(events.map((event) => event.position)).toEqual(events.map((_, index) => index + 1))
      expect(await verified(node)).toMatchObject({ ok: true, untraced: 0, problem: null })
    }
    await createProxy(two, "e")
    expect(await verified(one)).toMatchObject({ ok: true })
  })

  it("goes on from the snapshot on a node without the segments, which says what it cannot show", async () => {
    const one = await start()
    await filled(one, ["a", "b"])
    const { archived } = (await archiveOn(one)).body
    const other = await nodes.node({ ARCHIVE_DIR: join(archive, "nothing") })
    const { position } = (await one.api<{ position: number }>("GET", "/api/v1/digest")).body
    const digests = await Promise.all(
      [one, other].map((node) => node.api("GET", `/api/v1/digest?min_position=${position}`)),
    )
    expect(digests[1]!.body).toEqual(digests[0]!.body)
    expect((await other.api<{ code: string }>("GET", "/api/v1/log/replay?to=1")).body.code).toBe("archive_unavailable")
    expect((await verified(other)).problem).toMatchObject({ code: "archive", position: 1 })
    expect(archived).toBeGreaterThan(1)
  })

  it("shows a segment that was changed, or is gone, at its position", async () => {
    const one = await start()
    await filled(one, ["a", "b"])
    const [, second] = (await archiveOn(one)).body.segments
    const path = join(archive, second!.file)
    const bytes = readFileSync(path)
    writeFileSync(path, bytes.with(40, bytes[40]! ^ 1))
    const again = await start()
    expect((await verified(again)).problem).toMatchObject({ code: "archive", position: second!.first })
    rmSync(path)
    expect((await verified(await start())).problem).toMatchObject({ code: "archive", position: second!.first })
  })
})

describe("archiving", () => {
  it("by two nodes at once ends with one archive without a gap", async () => {
    const [one, two] = [await start(), await start({ ARCHIVE_DIR: join(archive, "second") })]
    // Long enough for the three to meet, however late one of them comes to it.
    await filled(one, ["a", ...Array.from({ length: 60 }, (_, index) => `b${index}`)])
    const answers = await Promise.all([archiveOn(one, 1, 2), archiveOn(two, 1, 2), archiveOn(one, 1, 2)])
    const statuses = answers.map(({ status }) => status).sort((a, b) => a - b)
    expect(statuses, JSON.stringify(answers.map(({ body }) => body))).toEqual([200, 409, 409])
    for (const { body } of answers.filter(({ status }) => status === 409)) expect(body.code).toBe("invalid_state")
    const winner = answers[1].status === 200 ? two : one
    expect(await verified(winner)).toMatchObject({ ok: true })
  })

  it("never takes what a consumer group still needs", async () => {
    const one = await start()
    await filled(one, ["a", "b", "c"])
    expect(await nodes.redis.command("XGROUP CREATE {gh}:events theirs 2")).toContain("+OK")
    const held = (await archiveOn(one)).body
    expect(held).toMatchObject({ first: 1, kept: expect.stringContaining("theirs") })
    await nodes.redis.command("XREADGROUP GROUP theirs me COUNT 100 STREAMS {gh}:events >")
    expect((await archiveOn(one)).body).toMatchObject({ first: 1, kept: expect.stringContaining("theirs") })
    await nodes.redis.command("XGROUP DESTROY {gh}:events theirs")
    expect((await archiveOn(one)).body.first).toBeGreaterThan(held.archived)
    expect(await verified(one)).toMatchObject({ ok: true })
  })

  it("onto a full disk leaves the log as it was", async () => {
    const one = await start({ ARCHIVE_DIR: "/dev/full/archive" })
    const position = await filled(one, ["a"])
    const refused = await archiveOn(one)
    expect([refused.status, refused.body.code]).toEqual([503, "archive_unavailable"])
    expect(await nodes.redis.command("XRANGE {gh}:events - + COUNT 1")).toContain("1-0")
    expect(await createProxy(one, "b")).toBeGreaterThan(position)
  })

  it.each(["archive.before", "archive.tempWritten", "archive.written", "archive.recorded", "archive.trimmed"])(
    "that is killed at %s is finished by the next",
    async (point) => {
      const doomed = await start({ ...soonTakenOver, CRASH_AT: point })
      const position = await filled(doomed, ["a", "b"])
      const before = await replayed(doomed, position)
      await archiveOn(doomed).catch(() => undefined)
      await eventually("the process is gone", async () => doomed.child.signalCode === "SIGKILL")
      const again = await start()
      const report = await eventually(
        "the lease is free",
        async () => {
          const { status, body } = await archiveOn(again)
          if (status !== 200) await delay(500)
          return status === 200 && body
        },
        20_000,
      )
      expect(report.kept).toBeNull()
      expect(report.first).toBe(report.archived + 1)
      expect(await replayed(again, position)).toEqual(before)
      expect(await verified(again)).toMatchObject({ ok: true, problem: null })
      expect(new Set(files().map((name) => name.slice(0, 15))).size).toBe(files().length)
    },
    100_000,
  )
})

describe("a log restored from its archive", () => {
  it("into an empty Redis gives equal digests, and is verified", async () => {
    const one = await start()
    const position = await filled(one, ["a", "b", "c"])
    const { archived } = (await archiveOn(one)).body
    expect(archived).toBeGreaterThanOrEqual(position - 1)
    const before = await replayed(one, archived)
    const copy = join(archive, "copy")
    for (const name of files()) cpSync(join(archive, name), join(copy, name))
    const empty = await redisServer()
    try {
      const env = {
        ...programEnvironment(),
        ...nodes.shared,
        REDIS_URL: empty.url,
        ARCHIVE_DIR: copy,
        GATEHOUSE_ENV_FILE: "/dev/null",
        GATEHOUSE_HOME: copy,
      }
      const run = () => execFileSync(process.execPath, ["scripts/restore.ts"], { env, encoding: "utf8" })
      expect(run()).toContain(`position ${archived}`)
      expect(run()).toMatch(/^0 events and 0 commands written; [^\n]*\n$/)
      const GATEHOUSE_HOME = one.home
      await until(() => existsSync(join(GATEHOUSE_HOME, "snapshot/world.json")))
      const told = execFileSync(process.execPath, ["scripts/restore.ts"], {
        env: { ...env, GATEHOUSE_HOME },
        encoding: "utf8",
      })
      expect(told).toMatch(
        /the node here has seen position \d+; if what came after \d+ is lost for good: rm -r .*snapshot/,
      )
      const restored = await nodes.node({ REDIS_URL: empty.url, ARCHIVE_DIR: copy })
      expect(await replayed(restored, archived)).toEqual(before)
      expect(await verified(restored)).toMatchObject({ ok: true, problem: null })
      await restored.stop()
    } finally {
      await empty.stop()
    }
  })
})
