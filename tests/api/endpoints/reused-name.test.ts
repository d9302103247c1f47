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
