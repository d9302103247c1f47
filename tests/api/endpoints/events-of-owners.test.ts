import { type RunningApi, runningApi } from "../running-api.ts"
import { afterAll, beforeAll, expect, test } from "vitest"
import { busySystem } from "../configuration/busy-system.ts"

let api: RunningApi
let alice: string
beforeAll(async () => {
  api = await runningApi()
  alice = await busySystem(api)
})
afterAll(() => api.stop())

interface Event {
  readonly position: number
  readonly aggregate: string
  readonly type: string
}
const events = async (query: string, token?: string) => {
  const { status, body } = await api.call<{ events: Event[] }>("GET", `/api/v1/events?${query}`, undefined, {}, token)
  expect(status).toBe(200)
  return body.events
}

test("an owner sees the events of its objects of every kind, and of no other's", async () => {
  const webhook = { name: "own", url: "https://hooks.example.com/", owner: "Alice" }
  expect((await api.call("POST", "/api/v1/webhooks", webhook)).status).toBe(201)
  const client = { client_name: "Own", redirect_uris: ["https://app.example.com/callback"] }
  expect((await api.call("POST", "/api/v1/oauth/clients", client, {}, alice)).status).toBe(201)
  const seen = [...new Set((await events("per_page=100", alice)).map(({ aggregate }) => aggregate))]
  const named = seen.filter((aggregate) => !aggregate.startsWith("client/")).sort()
  expect(named).toEqual(
    [
      "api-token/alice",
      "certificate/wide",
      "instance/db",
      "instance/docker-web",
      "proxy/a.internal",
      "proxy/plain.internal",
      "proxy/web.localhost",
      "resource/https://a.internal:8443/v2/mcp",
      "route/own",
      "service/web",
      "webhook/deploys",
      "webhook/own",
    ].sort(),
  )
  expect(seen.length - named.length).toBe(1)
})

test("an owner sees what a worker reports about its service, and what was before the service was handed over", async () => {
  const report = async (name: string) =>
    (await events(`aggregate=service/${name}&order=asc`, alice)).map(({ type }) => type)
  expect(await report("web")).toEqual(["ServiceCreated"])
  expect(await report("idle")).toEqual([])
  const stopped = await api.call("POST", "/api/v1/services/web/stop", undefined, {}, alice)
  expect(stopped.status).toBe(202)
  expect(await report("web")).toEqual(["ServiceCreated", "ServiceStopRequested"])
  expect((await api.call("PUT", "/api/v1/services/idle", { owner: "Alice" })).status).toBe(200)
  expect(await report("idle")).toEqual(["ServiceCreated", "ServiceStopRequested", "ServiceReassigned"])
  const [first] = await events("aggregate=service/idle&order=asc", alice)
  expect((await api.call("GET", `/api/v1/events/${first!.position}`, undefined, {}, alice)).status).toBe(200)
})
