import { type RunningApi, runningApi } from "./running-api.ts"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { endpoints } from "../../src/api/endpoint-table.ts"
import fc from "fast-check"
import { jsonSchema } from "../../src/api/openapi.ts"

let api: RunningApi
let alice: string
beforeAll(async () => {
  api = await runningApi()
  alice = await api.token("alice")
  await api.call(
    "POST",
    "/api/v1/proxy/targets",
    { hostname: "h.internal", target_url: "http://93.184.216.34" },
    {},
    alice,
  )
})
afterAll(() => api.stop())

const odd = fc.oneof(
  fc.jsonValue({ maxDepth: 2 }),
  fc.constantFrom(
    "",
    "\0",
    "a\r\nb: c",
    "..",
    "%00",
    "null",
    "__proto__",
    "http://[::1",
    "http://1.2.3.4:99999",
    "*.*",
    "xn--",
    "ü.example",
    "a".repeat(300),
    -1,
    1e308,
    0.5,
  ),
)

/** Objects whose keys are those of the schema, each with a value of any kind. */
function bodies(fields: readonly string[]) {
  return fc.record(Object.fromEntries(fields.map((field) => [field, odd])), { requiredKeys: [] })
}

const writes = endpoints.filter(({ method }) => method !== "GET")

describe("no request makes the API fail", () => {
  test.each(writes.map(({ method, path, body }) => [method, path, body] as const))(
    "%s %s",
    async (method, path, body) => {
      const { properties = {} } = (body === undefined ? {} : jsonSchema(body, "input")) as { properties?: object }
      const fields = [...Object.keys(properties), "unknown"]
      const segment = fc.constantFrom(
        "h.internal",
        "victim",
        "ADMIN",
        "proxy-h-internal",
        "%00",
        "%0d%0a",
        "a%2fb",
        "constructor",
        "__proto__",
        "..%2f..",
        "🙂",
      )
      await fc.assert(
        fc.asyncProperty(bodies(fields), segment, fc.boolean(), async (value, name, admin) => {
          const address = path.replaceAll(/\{\w+\}/g, name)
          const { status, body: answer } = await api.call<{ code?: string }>(
            method,
            address,
            body && value,
            {},
            admin ? api.adminToken : alice,
          )
          // No container engine runs here: what needs one says so.
          if (status === 503) expect(answer.code).toBe("docker_unavailable")
          else expect(status, `${method} ${address} ${JSON.stringify(value)}`).toBeLessThan(500)
        }),
        { numRuns: 25 },
      )
    },
  )

  test("GET with any query", async () => {
    const names = fc.constantFrom(
      "page",
      "per_page",
      "search",
      "order",
      "from",
      "since",
      "aggregate",
      "min_position",
      "wait",
      "timeout",
      "__proto__",
      "status",
    )
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...endpoints.filter(({ method }) => method === "GET")),
        names,
        fc.oneof(fc.string(), fc.constantFrom("-1", "1e3", "0", "NaN")),
        async ({ path }, name, value) => {
          const address = `${path.replaceAll(/\{\w+\}/g, "h.internal")}?${name}=${encodeURIComponent(value)}`
          const { status } = await api.call("GET", address)
          expect(status === 503 ? name : status < 500, address).toBe(status === 503 ? "min_position" : true)
        },
      ),
      { numRuns: 150 },
    )
  })

  test("and nothing was logged as a failure or left undecided", async () => {
    expect(api.logged.filter((line) => /request_failed|command_failed|command_dead/.test(line))).toEqual([])
    expect((await api.call("GET", "/health")).status).toBe(200)
  })
})
