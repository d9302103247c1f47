import { type RunningApi, runningApi } from "../running-api.ts"
import { afterAll, beforeAll, expect, test } from "vitest"
import { subscriber } from "./subscriber.ts"

let api: RunningApi
beforeAll(async () => {
  api = await runningApi({ env: { EVENT_STREAMS_PER_TOKEN: "2" } })
})
afterAll(() => api.stop())

test("HEAD tells what a subscription would, and opens none that counts", async () => {
  const url = `http://127.0.0.1:${api.port}/api/v1/events/stream`
  const headers = { authorization: `Bearer ${api.adminToken}` }
  for (let time = 0; time < 5; time += 1) {
    const answer = await fetch(url, { method: "HEAD", headers })
    expect([answer.status, answer.headers.get("content-type")]).toEqual([200, "text/event-stream"])
  }
  const refused = await fetch(`${url}?type=Nothing`, { method: "HEAD", headers })
  expect(refused.status).toBe(422)
  const events = await subscriber(url, api.adminToken)
  expect(events.status).toBe(200)
  await events.leave()
})
