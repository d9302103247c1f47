import type { Api, Call } from "../../src/api/endpoint.ts"
import { addProxy, testProjections } from "../support/projections.ts"
import { expect, test } from "vitest"
import { endpoints } from "../../src/api/endpoint-table.ts"
import { hash, policy } from "../support/decider.ts"
import { loadConfig } from "../../src/platform/config.ts"
import { memoryEventStore } from "../../src/platform/memory-event-store.ts"
import { randomBytes } from "node:crypto"

const whatIf = endpoints.find(({ operationId }) => operationId === "whatIf")!
const caller = { token: "admin", name: "ADMIN", admin: true, hash: hash("0") }

function nodeWith(tokens: number) {
  const projections = testProjections()
  const token = (name: string) =>
    projections.append("api-token", name, "TokenCreated", {
      ...{ name, hash: hash("1"), preview: "acm_…", cert_email: null, secret_ref: null, is_admin: false },
    })
  for (let at = 0; at < tokens; at += 1) token(`token-${at}`)
  addProxy(projections, "a.internal")
  const config = loadConfig({
    MASTER_KEY: randomBytes(32).toString("base64"),
    REDIS_URL: "redis://:not-used-by-a-trial@127.0.0.1:1",
  })
  const clock = () => new Date()
  const store = memoryEventStore(() => Date.now())
  const api = { config, policy, clock, projections, store, checks: {} } as unknown as Api
  return { api, token, projections }
}

test("What happens while a change is tried is none of its consequences", async () => {
  const { api, token, projections } = nodeWith(2000)
  const body = { operation: "deleteProxy", params: { hostname: "a.internal" }, query: {}, next: [] }
  const call = { api, caller, body, params: {}, query: {}, signal: new AbortController().signal } as unknown as Call
  const tried = whatIf.handler(call as Call<never, never, never>) as Promise<{
    body: { refused: unknown; access: unknown[] }
  }>
  const trial = { over: false }
  void tried.finally(() => (trial.over = true))
  let made = 0
  while (!trial.over) {
    token(`newcomer-${(made += 1)}`)
    await new Promise(setImmediate)
  }
  expect(made).toBeGreaterThan(2)
  expect(projections.world.objects["api-token"].size).toBe(2000 + made)
  expect((await tried).body).toMatchObject({ refused: null, access: [{ who: "anyone", host: "a.internal" }] })
})
