import { type RunningApi, conforming, runningApi } from "../running-api.ts"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { randomUUID } from "node:crypto"

describe("a decided command", () => {
  let api: RunningApi
  beforeAll(async () => {
    api = await runningApi()
  })
  afterAll(() => api.stop())

  test("shows its outcome to who submitted it and to administrators", async () => {
    const [alice, bob] = [await api.token("alice"), await api.token("bob")]
    const created = await api.call(
      "POST",
      "/api/v1/proxy/targets",
      { hostname: "c.internal", target_url: "http://93.184.216.34", enable_https: false },
      {},
      alice,
    )
    const position = Number(created.headers.get("x-event-position"))
    const [event] = await api.store.read(position - 1, 1)
    const path = `/api/v1/commands/${(event!.meta as { command_id: string }).command_id}`
    const { status, body } = await api.call("GET", path, undefined, {}, alice)
    conforming("getCommand", body)
    expect([status, body["type"], body["status"], body["position"], body["code"]]).toEqual([
      200,
      "CreateProxy",
      "accepted",
      position,
      null,
    ])
    expect((await api.call("GET", path)).body).toEqual(body)
    expect((await api.call("GET", path, undefined, {}, bob)).body["code"]).toBe("not_owner")
    expect((await api.call("GET", `/api/v1/commands/${randomUUID()}`)).status).toBe(404)
    expect((await api.call("GET", "/api/v1/commands/..%2ftokens")).status).toBe(404)
  })

  test("that was refused shows why", async () => {
    await api.call("POST", "/api/v1/tokens", { name: "refused" })
    const again = await api.call("POST", "/api/v1/tokens", { name: "refused" }, { "idempotency-key": "refusal" })
    expect(again.status).toBe(409)
    const commands = await api.redis.command("XREVRANGE {gh}:commands + - COUNT 1")
    const id = /"id":"([0-9a-f-]{36})"/.exec(commands)![1]!
    expect((await api.call("GET", `/api/v1/commands/${id}`)).body).toMatchObject({
      status: "rejected",
      code: "already_exists",
      position: null,
    })
  })
})

describe("a write that is not decided in time", () => {
  let api: RunningApi
  beforeAll(async () => {
    api = await runningApi({ undecided: true })
  })
  afterAll(() => api.stop())

  test("is answered with 202 and the address of its command", async () => {
    const began = performance.now()
    const { status, headers, body } = await api.call("POST", "/api/v1/tokens", { name: "later" })
    expect(status).toBe(202)
    expect(body).toEqual({ command_id: expect.any(String), status: "queued" })
    expect(headers.get("location")).toBe(`/api/v1/commands/${body["command_id"] as string}`)
    expect(performance.now() - began).toBeLessThan(12_000)
    const shown = await api.call("GET", headers.get("location")!)
    conforming("getCommand", shown.body)
    expect(shown.body).toMatchObject({ status: "queued", type: "CreateToken", decided_at: null })
    const waited = await api.call("GET", `${headers.get("location")!}?wait=true&timeout=1`)
    expect(waited.body["status"]).toBe("queued")
  })

  test("reveals nothing", async () => {
    const answer = await api.call("GET", "/api/v1/tokens/ADMIN/reveal?confirm=true")
    expect([answer.status, Object.keys(answer.body)]).toEqual([202, ["command_id", "status"]])
  })

  test("is waited for", async () => {
    const { headers } = await api.call("POST", "/api/v1/tokens", { name: "waited-for" })
    const waiting = api.call("GET", `${headers.get("location")!}?wait=true&timeout=30`)
    api.decide()
    expect((await waiting).body).toMatchObject({ status: "accepted", position: expect.any(Number), code: null })
  })
})
