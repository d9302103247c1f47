import { type RunningApi, conforming, runningApi } from "../running-api.ts"
import { afterAll, beforeAll, expect, test } from "vitest"
import { type Receiver, answers, takes, webhookReceiver } from "../../support/webhook-receiver.ts"

let api: RunningApi
let alice: string
let bob: string
let receiver: Receiver
beforeAll(async () => {
  receiver = await webhookReceiver()
  api = await runningApi({ env: { TARGET_ALLOW_CIDRS: "10.9.0.0/16" } })
  alice = await api.token("alice")
  bob = await api.token("bob")
})
afterAll(async () => {
  await api.stop()
  await receiver.stop()
})

const base = "/api/v1/webhooks"
const url = "https://hooks.example.com/in"
const create = (name: string, more: object = {}, token = alice, headers = {}) =>
  api.call("POST", base, { name, url, ...more }, headers, token)
const at = (name: string, method: string, path = "", body?: unknown, token: string | null = alice) =>
  api.call(method, `${base}/${name}${path}`, body, {}, token)

test("A webhook is created with a secret that is shown once, listed, changed and deleted by its owner", async () => {
  const { status, body, headers } = await create("one", { filter: { types: ["ProxyCreated"] } })
  expect([status, headers.get("location"), headers.get("cache-control")]).toEqual([201, `${base}/one`, "no-store"])
  conforming("createWebhook", body)
  expect(body["secret"]).toMatch(/^whsec_[A-Za-z0-9+/]{43}=$/)
  const shown = await at("one", "GET")
  conforming("getWebhook", shown.body)
  expect(shown.body).toMatchObject({ owner: "alice", enabled: true, filter: { types: ["ProxyCreated"] } })
  const text = JSON.stringify([shown.body, (await api.call("GET", base)).body, await api.store.read(0, 1000)])
  expect(text).not.toContain(body["secret"])
  const listed = (token: string) =>
    api
      .call<{ webhooks: { name: string }[] }>("GET", base, undefined, {}, token)
      .then(({ body: { webhooks } }) => webhooks)
  expect((await listed(alice)).map(({ name }) => name)).toEqual(["one"])
  expect(await listed(bob)).toEqual([])
  const changed = await at("one", "PUT", "", { enabled: false, description: "paused" })
  conforming("updateWebhook", changed.body)
  expect(changed.body).toMatchObject({ enabled: false, disabled_reason: null, description: "paused" })
  expect((await at("one", "DELETE")).status).toBe(204)
  expect((await at("one", "GET")).status).toBe(404)
})

test("The same Idempotency-Key gives the same secret, and one webhook", async () => {
  const headers = { "idempotency-key": "k1" }
  const [first, second] = [await create("twice", {}, alice, headers), await create("twice", {}, alice, headers)]
  expect([second.status, second.body["secret"]]).toEqual([201, first.body["secret"]])
  expect((await create("twice")).body["code"]).toBe("already_exists")
  const rotated = await at("twice", "POST", "/rotate", { overlap_hours: 2 })
  conforming("rotateWebhookSecret", rotated.body)
  expect(rotated.body["secret"]).not.toBe(first.body["secret"])
  expect((await create("twice", {}, alice, headers)).body["secret"]).toBe(first.body["secret"])
  await at("twice", "POST", "/rotate", { overlap_hours: 0 })
  expect((await create("twice", {}, alice, headers)).body["secret"]).toBeUndefined()
  await at("twice", "DELETE")
})

test.each([
  ["http://127.0.0.1:9/", 422, "forbidden_target"],
  ["https://10.0.0.1/", 422, "forbidden_target"],
  ["https://169.254.169.254/", 422, "forbidden_target"],
  ["https://2130706433/", 422, "forbidden_target"],
  ["https://[::1]/", 422, "forbidden_target"],
  ["https://localhost/", 422, "forbidden_target"],
  ["http://93.184.216.34/", 422, "validation_failed"],
  ["ftp://hooks.example.com/", 422, "validation_failed"],
  ["https://user:pass@hooks.example.com/", 422, "validation_failed"],
  ["https://hooks.example.com/?token=x", 422, "validation_failed"],
  ["https://hooks.example.com/#x", 422, "validation_failed"],
  ["hooks.example.com", 422, "validation_failed"],
])("An owner cannot have events sent to %s", async (address, status, code) => {
  const answer = await create("bad", { url: address })
  expect([answer.status, answer.body["code"]]).toEqual([status, code])
  expect(api.projections.world.objects.webhook.has("bad")).toBe(false)
})

test("A private address that owners may use is taken, and judged by the owner's rights also for an administrator", async () => {
  expect((await create("private", { url: "http://10.9.0.1/" })).status).toBe(201)
  await at("private", "DELETE")
  const answer = await create("his", { url: "http://127.0.0.1:9/", owner: "alice" }, api.adminToken)
  expect(answer.body["code"]).toBe("forbidden_target")
})

test.each([
  [{ filter: { types: ["NoSuchEvent"] } }, "filter.types"],
  [{ filter: { aggregates: ["nothing"] } }, "filter.aggregates"],
  [{ filter: { types: [] } }, "filter.types"],
  [{ filter: { type: ["ProxyCreated"] } }, "filter.type"],
  [{ from: 0 }, "from"],
  [{ from: 999_999 }, "from"],
  [{ name: "UPPER CASE" }, "name"],
  [{ secret_ref: "x" }, "secret_ref"],
])("%j is refused", async (more, path) => {
  const answer = await create("bad", more)
  expect([answer.status, answer.body["code"]]).toEqual([422, "validation_failed"])
  expect((answer.body["errors"] as { path: string }[])[0]!.path).toBe(path)
})

test("Others neither see, change, test, rotate, replay nor delete it", async () => {
  await create("hers")
  for (const [method, path, body] of [
    ["GET", "", undefined],
    ["PUT", "", { enabled: false }],
    ["DELETE", "", undefined],
    ["POST", "/test", undefined],
    ["POST", "/rotate", {}],
    ["POST", "/replay", { from: 1 }],
    ["POST", "/retry", { position: 1 }],
  ] as const) {
    const answer = await at("hers", method, path, body, bob)
    expect([method, path, answer.status, answer.body["code"]]).toEqual([method, path, 403, "not_owner"])
    expect((await at("hers", method, path, body, null)).status).toBe(401)
  }
  await at("hers", "DELETE")
})

test("A test message says what came of it", async () => {
  await create("tested", { url: receiver.url }, api.adminToken)
  const tried = async () => (await at("tested", "POST", "/test", undefined, api.adminToken)).body
  conforming("testWebhook", await tried())
  expect(await tried()).toEqual({ delivered: true, status: 204, fault: null })
  expect(receiver.received.at(-1)!.type).toBe("WebhookTest")
  receiver.behave(answers(302, { location: "http://169.254.169.254/" }))
  expect(await tried()).toEqual({ delivered: false, status: 302, fault: "redirect" })
  receiver.behave(takes)
  await at("tested", "DELETE", "", undefined, api.adminToken)
})

test("A position that does not exist is not replayed, and no dead letter not retried", async () => {
  await create("replayed")
  expect((await at("replayed", "POST", "/replay", { from: 1 })).body).toMatchObject({ delivery: { position: 0 } })
  expect((await at("replayed", "POST", "/replay", { from: 99_999 })).status).toBe(422)
  expect((await at("replayed", "POST", "/retry", { position: 1 })).status).toBe(404)
  await at("replayed", "DELETE")
})

test("A token that goes takes its webhooks and their secrets along in the same commit, or hands them over switched off", async () => {
  const carol = await api.token("carol")
  await create("carols", {}, carol)
  const { secret_ref } = api.projections.world.objects.webhook.get("carols")!.state
  expect((await api.call("DELETE", "/api/v1/tokens/carol?cascade=false")).body["code"]).toBe("owns_resources")
  const gone = await api.call<{ deleted_resources: object }>("DELETE", "/api/v1/tokens/carol")
  expect(gone.body.deleted_resources).toMatchObject({ webhooks: ["carols"] })
  expect(await api.store.secret(secret_ref)).toBeUndefined()
  const position = Number(gone.headers.get("x-event-position"))
  const events = await api.store.read(position - 2, 2)
  expect(events.map(({ type }) => type)).toEqual(["TokenDeleted", "WebhookDeleted"])
  const dave = await api.token("dave")
  await create("daves", {}, dave)
  await api.call("DELETE", "/api/v1/tokens/dave?reassign_to=alice")
  expect((await at("daves", "GET")).body).toMatchObject({
    owner: "alice",
    enabled: false,
    disabled_reason: "handed_over",
  })
})

test("A token owns twenty webhooks and no more", async () => {
  for (let round = 0; round < 20; round++) await create(`many${round}`, {}, bob)
  expect((await create("many20", {}, bob)).body["code"]).toBe("invalid_state")
})
