import { type RunningApi, conforming, runningApi } from "../running-api.ts"
import { beforeEach, expect, test } from "vitest"
import { digests } from "../../../src/projections/digest.ts"

let api: RunningApi
beforeEach(async () => {
  api = await runningApi()
  await api.token("alice")
  return () => api.stop()
})

interface Trial {
  readonly operations: string[]
  readonly position: number
  readonly refused: { operation: string; status: number; code: string } | null
  readonly answer: { status: number; body: Record<string, unknown> | null } | null
  readonly events: { type: string; aggregate: string }[]
  readonly access: { who: string; name: string }[]
  readonly code: string
}
const target_url = "http://93.184.216.34"
const proxy = (hostname: string, as?: string) => ({
  operation: "createProxy",
  body: { hostname, target_url, enable_https: false },
  ...(as !== undefined && { as }),
})
const whatIf = async (body: object) => {
  const answer = await api.call<Trial>("POST", "/api/v1/log/whatif", body)
  if (answer.status === 200) conforming("whatIf", answer.body)
  return answer
}
const head = async () => (await api.store.head()).position

test("Operations in a row are tried each on what the one before has left, also by a token that is made in the row", async () => {
  const before = [digests(api.projections.world), await head()]
  const { status, body } = await whatIf({
    operation: "createToken",
    body: { name: "zoe" },
    next: [
      proxy("zoe.internal", "zoe"),
      { operation: "deleteToken", params: { name: "alice" } },
      { operation: "getProxy", params: { hostname: "zoe.internal" } },
    ],
  })
  expect(status).toBe(200)
  expect(body).toMatchObject({
    operations: ["createToken", "createProxy", "deleteToken", "getProxy"],
    refused: null,
    answer: { status: 200, body: { hostname: "zoe.internal", owner: "zoe" } },
  })
  expect(body.events.map(({ type, aggregate }) => `${type} ${aggregate}`)).toEqual([
    "TokenCreated api-token/zoe",
    "ProxyCreated proxy/zoe.internal",
    "TokenDeleted api-token/alice",
  ])
  expect(body.access).toMatchObject([{ who: "token", name: "alice" }])
  expect([digests(api.projections.world), await head()]).toEqual(before)
})

test("The row ends at the first that would be refused, which is named, and what came before it is shown", async () => {
  const { body } = await whatIf({ ...proxy("a.internal"), next: [proxy("a.internal"), proxy("b.internal")] })
  expect(body).toMatchObject({
    refused: { operation: "createProxy", status: 409, code: "already_exists" },
    answer: null,
  })
  expect(body.events).toMatchObject([{ type: "ProxyCreated", aggregate: "proxy/a.internal" }])
})

test.each([
  ["a token", { operation: "createToken", body: { name: "zoe" } }, 201],
  ["a webhook", { operation: "createWebhook", body: { name: "hook", url: "https://93.184.216.34/x" } }, 201],
  [
    "a look at a token",
    { operation: "revealToken", params: { name: "alice" }, query: { confirm: "true" }, at: 2 },
    undefined,
  ],
])("The secret of %s is neither made known nor looked at", async (_, operation, answered) => {
  const { status, body } = await whatIf(operation)
  expect(status).toBe(200)
  if (answered !== undefined) expect(body.refused).toBeNull()
  if (answered !== undefined) expect(body.answer).toEqual({ status: answered, body: null })
  expect(body.answer?.body ?? null).toBeNull()
  expect(JSON.stringify(body)).not.toMatch(/acm_[A-Za-z0-9_-]{20}|whsec_/)
})

test("A read is tried on an earlier state, and is no change of its own now", async () => {
  const at = await head()
  await api.call("POST", "/api/v1/proxy/targets", proxy("a.internal").body)
  const read = { operation: "getProxy", params: { hostname: "a.internal" } }
  expect((await whatIf({ ...read, at })).body.refused).toMatchObject({ status: 404, code: "not_found" })
  expect((await whatIf({ ...read, at: at + 1 })).body.answer).toMatchObject({ body: { hostname: "a.internal" } })
  expect((await whatIf(read)).status).toBe(404)
})

test("A read that would wait is answered at once", async () => {
  const create = { operation: "createCertificate", body: { cert_name: "c", domain: "c.internal" } }
  const status = {
    operation: "getCertificateStatus",
    params: { cert_name: "c" },
    query: { wait: "true", timeout: "60" },
  }
  const { body } = await whatIf({ ...create, next: [status] })
  expect([body.refused, body.answer]).toMatchObject([
    null,
    { status: 200, body: { generation: { state: "accepted" } } },
  ])
})

test("Work on a service that is not over when nobody waits any longer is answered as what goes on", async () => {
  const create = { operation: "createService", body: { service_name: "slow", image: "nginx" } }
  const act = (name: string) => ({ operation: `${name}Service`, params: { name: "slow" }, query: { wait: "true" } })
  const { body } = await whatIf({ ...create, next: [act("restart")] })
  expect(body).toMatchObject({ refused: null, answer: { status: 202, body: { service_name: "slow" } } })
})

test("Bad input is refused as the operation would; later in the row it is one that would be refused", async () => {
  const bad = { operation: "createProxy", body: { hostname: "no host" } }
  expect((await whatIf({ ...bad, next: [proxy("a.internal")] })).status).toBe(422)
  const later = async (step: object) => (await whatIf({ ...proxy("a.internal"), next: [step] })).body.refused
  expect(await later(bad)).toMatchObject({ status: 422, code: "validation_failed" })
  expect(await later({ ...proxy("b.internal"), as: "nobody" })).toMatchObject({ status: 404, code: "not_found" })
  expect(await later({ operation: "createToken", body: { name: "x" }, as: "alice" })).toMatchObject({
    code: "admin_required",
  })
  expect((await whatIf({ ...proxy("a.internal"), next: [{ operation: "whatIf" }] })).status).toBe(404)
  expect((await whatIf({ ...proxy("a.internal"), next: Array(50).fill(proxy("b.internal")) })).status).toBe(422)
  expect((await whatIf({ ...proxy("a.internal"), next: "deleteProxy" })).status).toBe(422)
})
