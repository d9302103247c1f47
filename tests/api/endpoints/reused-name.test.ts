import { type RunningApi, runningApi } from "../running-api.ts"
import { afterAll, beforeAll, expect, test } from "vitest"

let api: RunningApi
beforeAll(async () => {
  api = await runningApi()
})
afterAll(() => api.stop())

test("A token of a name that was another's before sees nothing of what that one asked for", async () => {
  const target = { hostname: "first.internal", target_url: "http://10.0.0.1", enable_https: false }
  const first = await api.token("carol")
  expect((await api.call("POST", "/api/v1/proxy/targets", target, {}, first)).body["code"]).toBe("forbidden_target")
  const refused = async (token: string) => {
    const { body } = await api.call("GET", "/api/v1/audit?status=rejected", undefined, {}, token)
    return (body["entries"] as { command_id: string }[]).map(({ command_id }) => command_id)
  }
  const [command] = await refused(first)
  const outcome = async (token: string) =>
    (await api.call("GET", `/api/v1/commands/${command}`, undefined, {}, token)).status
  expect(await outcome(first)).toBe(200)
  expect((await api.call("DELETE", "/api/v1/tokens/carol")).status).toBe(200)
  const second = await api.token("carol")
  expect([await refused(second), await outcome(second)]).toEqual([[], 403])
  expect([await refused(api.adminToken), await outcome(api.adminToken)]).toEqual([[command], 200])
  const hers = { ...target, hostname: "second.internal" }
  expect((await api.call("POST", "/api/v1/proxy/targets", hers, {}, second)).status).toBe(422)
  expect(await refused(second)).toHaveLength(1)
})

test("An Idempotency-Key of a token that was deleted is new under a later token of its name", async () => {
  const proxy = { hostname: "shop.internal", target_url: "http://93.184.216.34", enable_https: false }
  const create = async (token: string) => {
    const { status, body } = await api.call(
      "POST",
      "/api/v1/proxy/targets",
      proxy,
      { "idempotency-key": "shop" },
      token,
    )
    return [status, body["code"]]
  }
  const first = await api.token("dora")
  expect([await create(first), await create(first)]).toEqual([
    [201, undefined],
    [201, undefined],
  ])
  expect((await api.call("DELETE", "/api/v1/tokens/dora")).status).toBe(200)
  const second = await api.token("dora")
  expect(await create(second)).toEqual([201, undefined])
  expect((await api.call("GET", "/api/v1/proxy/targets/shop.internal", undefined, {}, second)).status).toBe(200)
})
