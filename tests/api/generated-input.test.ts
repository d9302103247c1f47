import { type Attacker, attacker } from "./generated/attack.ts"
import { type RunningApi, runningApi } from "./running-api.ts"
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest"
import { bobsMark, populate } from "./generated/population.ts"
import type { Endpoint } from "../../src/api/endpoint.ts"
import { endpoints } from "../../src/api/endpoint-table.ts"

/** Per operation: a tenth without a token, the rest as an owner and as the administrator. `just test-generated` sends more. */
const count = Number(process.env["GENERATED_REQUESTS"] || "200")
vi.setConfig({ testTimeout: 60_000 + count * 500 })

/** Operations that look through the whole log for one call: they come first, and get fewer requests unless many are asked for. */
const readsTheLog = ({ path }: Endpoint) => /\/(log|digest|audit)\b/.test(path)
const share = (endpoint: Endpoint, part: number) =>
  Math.ceil((readsTheLog(endpoint) ? Math.max(count - 200, 30) : count) * part)

let api: RunningApi
let alice: string
let bob: string
let attacks: Attacker
const restore = () => populate(api, alice, bob)
beforeAll(async () => {
  api = await runningApi({ perMinute: 1e9 })
  alice = await api.token("alice")
  bob = await api.token("bob")
  await restore()
  attacks = await attacker(api.port)
})
afterAll(async () => {
  await attacks.close()
  await api.stop()
})

/** The API of these tests stands alone: it has no signing keys that could be rotated. */
const operations = endpoints
  .filter(({ operationId }) => operationId !== "rotateOAuthKey")
  .map((endpoint) => [endpoint.operationId, endpoint] as const)

const ofTheLog = operations.filter(([, endpoint]) => readsTheLog(endpoint))
const ofTheRest = operations.filter(([, endpoint]) => !readsTheLog(endpoint))

const asAdministrator = (endpoint: Endpoint) =>
  attacks.attack(endpoint, {
    count: share(endpoint, 0.45),
    token: () => api.adminToken,
    ...(endpoint.method !== "GET" && { restore }),
  })

describe("whatever is asked,", () => {
  describe("an administrator gets an answer of the described form about the log from", () => {
    test.each(ofTheLog)("%s", (_, endpoint) => asAdministrator(endpoint))
    afterAll(restore)
  })

  describe("nobody without a token gets anything but what is public from", () => {
    test.each(operations)("%s", async (_, endpoint) => {
      const open = endpoint.who === "public"
      await attacks.attack(endpoint, {
        count: share(endpoint, 0.1),
        token: () => undefined,
        judge: ({ status }) => (open || status >= 400 ? undefined : "an answer for nobody"),
      })
    })
  })

  describe("an owner gets nothing of another owner's from", () => {
    const others = ["proxy/targets/bob.internal", "certificates/bobs", "routes/bobs", "instances/bobs", "services/bobs"]
    const theirs = () =>
      Promise.all(others.map(async (path) => (await api.call("GET", `/api/v1/${path}`, undefined, {}, bob)).body))
    let before: unknown[]
    beforeAll(async () => {
      before = await theirs()
    })

    test.each(operations)("%s", (_, endpoint) =>
      attacks.attack(endpoint, {
        count: share(endpoint, 0.45),
        token: () => alice,
        judge: ({ text }) => (text.includes(bobsMark) ? "something of bob's" : undefined),
        ...(endpoint.method !== "GET" && { restore }),
      }),
    )

    test("and all of what is another's is as it was", async () => {
      expect(before).toMatchObject(others.map(() => ({ owner: "bob" })))
      expect(await theirs()).toEqual(before)
    })
  })

  describe("an administrator gets an answer of the described form from", () => {
    test.each(ofTheRest)("%s", (_, endpoint) => asAdministrator(endpoint))
  })

  test("nothing was logged as a failure or left undecided", async () => {
    expect(api.logged.filter((line) => /request_failed|command_failed|command_dead/.test(line))).toEqual([])
    expect((await api.call("GET", "/health")).status).toBe(200)
  })
})
