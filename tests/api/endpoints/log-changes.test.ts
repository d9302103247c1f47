import { type RunningApi, conforming, runningApi } from "../running-api.ts"
import { beforeEach, describe, expect, test } from "vitest"
import { Redis } from "ioredis"
import { digests } from "../../../src/projections/digest.ts"
import { eventually } from "../../support/records.ts"

let api: RunningApi
let alice: string
beforeEach(async () => {
  api = await runningApi()
  alice = await api.token("alice")
  return () => api.stop()
})

const target = "http://93.184.216.34"
const create = (hostname: string, token = alice) =>
  api.call("POST", "/api/v1/proxy/targets", { hostname, target_url: target, enable_https: false }, {}, token)
const head = async () => (await api.store.head()).position

interface Trial {
  position: number
  refused: { code: string } | null
  events: { type: string; position: number }[]
  changes: { kind: string; id: string; change: string }[]
  routing: { host: string; change: string; fields: { path: string }[] }[]
  access: { who: string; name: string; host: string | null }[]
  code: string
}
const whatIf = async (body: object, token?: string) => {
  const answer = await api.call<Trial>("POST", "/api/v1/log/whatif", body, {}, token)
  if (answer.status === 200) conforming("whatIf", answer.body)
  return answer
}

describe("what if", () => {
  test("shows the events of a change, what it does to routing and who loses access, and changes nothing", async () => {
    await create("a.internal")
    const before = digests(api.projections.world)
    const { body } = await whatIf({ operation: "deleteProxy", params: { hostname: "a.internal" } })
    expect(body).toMatchObject({
      position: 3,
      refused: null,
      events: [{ type: "ProxyDeleted", position: 4 }],
      changes: [{ kind: "proxy", id: "a.internal", change: "deleted" }],
      routing: [{ host: "a.internal", change: "removed" }],
      access: [{ who: "anyone", host: "a.internal" }],
    })
    const gone = await whatIf({ operation: "deleteToken", params: { name: "alice" } })
    expect(gone.body.access).toEqual(expect.arrayContaining([expect.objectContaining({ who: "token", name: "alice" })]))
    const made = await whatIf({ operation: "createToken", body: { name: "zoe" } })
    expect(made.body.events).toMatchObject([{ type: "TokenCreated" }])
    expect(JSON.stringify(made.body)).not.toMatch(/acm_[\w-]{9}/)
    expect(digests(api.projections.world)).toEqual(before)
    expect(await head()).toBe(3)
    expect(await api.redis.command("KEYS *trial*")).toContain("*0")
  })

  test("tries it on an earlier state", async () => {
    await create("a.internal")
    const at = await head()
    await api.call("DELETE", "/api/v1/proxy/targets/a.internal", undefined, {}, alice)
    const operation = { operation: "deleteProxy", params: { hostname: "a.internal" } }
    expect((await whatIf(operation)).body.refused).toMatchObject({ code: "not_found" })
    expect((await whatIf({ ...operation, at })).body).toMatchObject({ position: at, refused: null })
    expect((await whatIf({ ...operation, at: 4711 })).status).toBe(404)
  })

  test("counts the rights of whoever is named, and is refused to others than administrators", async () => {
    await api.token("bob")
    await create("a.internal")
    const operation = { operation: "deleteProxy", params: { hostname: "a.internal" } }
    expect((await whatIf({ ...operation, as: "bob" })).body.refused).toMatchObject({ code: "not_owner" })
    expect((await whatIf({ ...operation, as: "alice" })).body.refused).toBeNull()
    expect((await whatIf({ ...operation, as: "nobody" })).status).toBe(404)
    expect((await whatIf({ operation: "createToken", body: { name: "x" }, as: "bob" })).body.code).toBe(
      "admin_required",
    )
    expect((await whatIf(operation, alice)).body.code).toBe("admin_required")
  })

  test("refuses what is no change, what works beyond the log, and bad input as the operation would", async () => {
    expect((await whatIf({ operation: "listTokens" })).status).toBe(404)
    expect((await whatIf({ operation: "whatIf" })).status).toBe(404)
    expect((await whatIf({ operation: "archiveLog", body: {} })).body.refused).toMatchObject({ code: "invalid_state" })
    expect((await whatIf({ operation: "cleanupTokens", query: { dry_run: "false" } })).status).not.toBe(500)
    expect((await whatIf({ operation: "createProxy", body: { hostname: "no host" } })).status).toBe(422)
    expect((await whatIf({ operation: "deleteProxy", params: { hostname: "../../x" } })).status).not.toBe(500)
    expect(await head()).toBe(2)
  })
})

interface Undo {
  steps: { kind: string; name: string; action: string }[]
  cannot: string[]
  errors: { code: string }[]
  code: string
}
const undo = async (position: number, dry_run = false, token?: string) => {
  const answer = await api.call<Undo>("POST", `/api/v1/log/undo/${position}?dry_run=${dry_run}`, undefined, {}, token)
  if (answer.status === 200) conforming("undoChange", answer.body)
  return answer
}
const state = async (hostname: string) => (await api.call("GET", `/api/v1/proxy/targets/${hostname}`)).body

describe("undo", () => {
  test("brings a changed, a deleted and a created object back, and proposes before it does", async () => {
    await create("a.internal")
    const [created, first] = [await head(), await state("a.internal")]
    await api.call("PUT", "/api/v1/proxy/targets/a.internal", { target_url: "http://93.184.216.35" }, {}, alice)
    const changed = await head()
    const proposed = await undo(changed, true)
    expect(proposed.body.steps).toMatchObject([{ kind: "proxies", name: "a.internal", action: "update" }])
    expect(await head()).toBe(changed)
    await undo(changed)
    expect((await state("a.internal"))["target_url"]).toBe(target)
    await api.call("DELETE", "/api/v1/proxy/targets/a.internal", undefined, {}, alice)
    const deleted = await head()
    expect((await undo(deleted)).body.steps).toMatchObject([{ action: "create" }])
    const same = ["target_url", "owner", "enable_https", "custom_headers"]
    for (const field of same) expect((await state("a.internal"))[field]).toEqual(first[field])
    await api.call("PUT", "/api/v1/proxy/targets/a.internal", { enable_http: false, enable_https: true }, {}, alice)
    expect((await undo(created)).body).toMatchObject({
      steps: [{ action: "delete" }],
      cannot: [expect.stringContaining("changed again later")],
    })
    expect((await api.call("GET", "/api/v1/proxy/targets/a.internal")).status).toBe(404)
    expect((await undo(created)).body.steps).toEqual([])
  })

  test("takes back a whole cascade, and says that an erased secret stays erased", async () => {
    await create("a.internal")
    await api.call("DELETE", "/api/v1/tokens/alice?cascade=true")
    const { status, body } = await undo(await head())
    expect([status, body.errors]).toEqual([200, []])
    expect(body.steps.map(({ kind, action }) => [kind, action])).toEqual([
      ["tokens", "create"],
      ["proxies", "create"],
    ])
    expect(body.cannot).toEqual([expect.stringContaining("value of the token alice is erased")])
    expect((await state("a.internal"))["owner"]).toBe("alice")
    expect((await api.call("GET", "/api/v1/tokens/alice/reveal?confirm=true")).body["code"]).toBe("not_revealable")
    expect((await api.call("GET", "/api/v1/tokens/info", undefined, {}, alice)).status).toBe(200)
  })

  test("says what has no opposite, and is refused to owners and beyond the log", async () => {
    await api.call("GET", "/api/v1/tokens/alice/reveal?confirm=true")
    const { body } = await undo(await head())
    expect(body).toMatchObject({ steps: [], cannot: [expect.stringContaining("has seen it")] })
    expect((await undo(1, true, alice)).body.code).toBe("admin_required")
    expect((await undo(4711)).status).toBe(404)
    expect((await undo(0)).status).toBe(404)
  })
})

describe("dead letters", () => {
  const letters = async () =>
    (
      await api.call<{ deadletters: { letter: string; group: string; command: string | null }[] }>(
        "GET",
        "/api/v1/deadletters",
      )
    ).body
  const retry = (letter: string) => api.call("POST", `/api/v1/deadletters/${letter}/retry`)

  test("are listed and put back to work once, which is recorded", async () => {
    const dead = api.bus.execute({ type: "NoSuchCommand", data: {}, actor: { name: "ADMIN", admin: true } }, 30_000)
    await expect(dead).rejects.toMatchObject({ code: "internal" })
    const listed = await letters()
    conforming("listDeadLetters", listed)
    expect(listed.deadletters).toMatchObject([{ group: "decider", command: "NoSuchCommand" }])
    const { letter } = listed.deadletters[0]!
    expect((await retry(letter)).status).toBe(200)
    expect((await retry(letter)).status).toBe(404)
    await eventually(async () => (await letters()).deadletters.some((one) => one.letter !== letter))
    const { body } = await api.call("GET", "/api/v1/events?type=DeadLetterRetried")
    expect(body["events"]).toMatchObject([{ actor: "ADMIN", data: { letter, group: "decider" } }])
    expect((await api.call("GET", "/api/v1/log/verify")).body).toMatchObject({ ok: true })
  })

  test("of a consumer group give the event back to it", async () => {
    const redis = new Redis(api.redis.url)
    await redis.xgroup("CREATE", "{gh}:events", "theirs", "$")
    const letter = (await redis.xadd(
      "{gh}:deadletters",
      "*",
      "group",
      "theirs",
      "attempts",
      "8",
      "error",
      "no",
      "entry",
      "2-0",
    ))!
    expect((await retry(letter)).status).toBe(200)
    expect(await redis.xautoclaim("{gh}:events", "theirs", "me", 1000, "0")).toMatchObject([
      "0-0",
      [["2-0", expect.anything()]],
      [],
    ])
    const lost = (await redis.xadd(
      "{gh}:deadletters",
      "*",
      "group",
      "gone",
      "attempts",
      "8",
      "error",
      "no",
      "entry",
      "2-0",
    ))!
    expect((await retry(lost)).body["code"]).toBe("invalid_state")
    redis.disconnect()
  })

  test("whose secrets are erased, or that hold no command, are not retried", async () => {
    const redis = new Redis(api.redis.url)
    const raw = JSON.stringify({
      id: "c1",
      type: "X",
      data: {},
      actor: { name: "a", admin: true },
      correlation_id: "c1",
      submitted_at: "",
      fingerprint: "",
      secrets: ["token-1"],
    })
    for (const command of [raw, "{"]) {
      await redis.xadd("{gh}:commands", "*", "command", command)
      const [{ letter } = { letter: "" }] = await eventually(async () => {
        const found = (await letters()).deadletters
        return found.length > 0 && found
      }, 15_000)
      expect((await retry(letter)).body["code"]).toBe("invalid_state")
      await redis.xdel("{gh}:deadletters", letter)
    }
    redis.disconnect()
  })
})

describe("a rebuild", () => {
  test("compares with the log, and mends what differs from it", async () => {
    await create("a.internal")
    const rebuild = async () => (await api.call("POST", "/api/v1/log/rebuild", {})).body
    const right = digests(api.projections.world)
    expect(conforming("rebuildProjection", await rebuild())).toMatchObject({
      equal: true,
      differing: [],
      digest: right,
    })
    api.projections.world.objects.proxy.delete("a.internal")
    expect(await rebuild()).toMatchObject({ equal: false, differing: ["proxy"], digest: right })
    expect(digests(api.projections.world)).toEqual(right)
    expect((await state("a.internal"))["target_url"]).toBe(target)
    expect((await api.call("POST", "/api/v1/log/rebuild", { projection: "routes" })).status).toBe(422)
  })
})
