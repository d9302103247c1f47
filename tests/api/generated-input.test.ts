import { type RunningApi, runningApi } from "./running-api.ts"
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest"
import { apiVersion, endpoints } from "../../src/api/endpoint-table.ts"
import { bobsMark, populate } from "./generated/population.ts"
import { type Request, requests } from "./generated/requests.ts"
import type { Endpoint } from "../../src/api/endpoint.ts"
import { catalogue } from "../../src/errors.ts"
import fc from "fast-check"
import { openApiDocument } from "../../src/api/openapi.ts"

vi.setConfig({ testTimeout: 60_000 })

/** The same requests every time; a failure names it with its request. */
const seed = 20_261_126
const perKind = 30
/** Operations that do much for one call: look through the whole log, or go out. */
const laborious = 5
const isLaborious = ({ path }: Endpoint) => /log|digest|diagnose|openapi|setup|audit/.test(path)

let api: RunningApi
let alice: string
let bob: string
beforeAll(async () => {
  api = await runningApi()
  alice = await api.token("alice")
  bob = await api.token("bob")
  await populate(api, alice, bob)
})
afterAll(() => api.stop())

const { paths } = openApiDocument(endpoints, apiVersion) as {
  paths: Record<string, Record<string, { responses: Record<string, { description: string }> }>>
}

interface Given {
  readonly status: number
  readonly type: string
  readonly text: string
}

async function send({ method, path, body, headers }: Request, token: string | undefined): Promise<Given> {
  const answer = await fetch(`http://127.0.0.1:${api.port}${path}`, {
    method,
    headers: {
      ...(token !== undefined && { authorization: `Bearer ${token}` }),
      ...(body !== undefined && { "content-type": "application/json" }),
      ...Object.fromEntries(Object.entries(headers).filter(([, value]) => /^[\x20-\x7e]*$/.test(value))),
    },
    redirect: "manual",
    ...(body !== undefined && { body }),
  })
  const type = answer.headers.get("content-type") ?? ""
  if (!type.startsWith("text/event-stream")) return { status: answer.status, type, text: await answer.text() }
  await answer.body!.cancel()
  return { status: answer.status, type, text: "" }
}

/** What is wrong with an answer; undefined when it is one that the document describes. */
function fault(endpoint: Endpoint, { status, type, text }: Given): string | undefined {
  const { responses } = paths[endpoint.path]![endpoint.method.toLowerCase()]!
  if (status >= 400) {
    if (!type.startsWith("application/problem+json")) return `an error in ${type}`
    const { code, status: said } = JSON.parse(text) as { code: keyof typeof catalogue; status: number }
    // An odd path may lead to another place, or to none.
    if (["not_found", "method_not_allowed", "bad_request"].includes(code)) return undefined
    if (catalogue[code]?.status !== status || said !== status) return `${code} with status ${status}`
    if (status >= 500 && code !== "docker_unavailable") return `a failure: ${text}`
    return responses[status]?.description.includes(`\`${code}\``) === true
      ? undefined
      : `${code} is not in the document`
  }
  if (responses[status] === undefined) return `the status ${status} is not in the document`
  if (status === 204) return text === "" ? undefined : "a body where there is none"
  if (!/json/.test(type)) return undefined
  const parsed = endpoint.response.safeParse(JSON.parse(text))
  return parsed.success ? undefined : `another form than its schema: ${parsed.error.message}`
}

/** Sends all requests of an operation, some at a time. */
async function attack(
  endpoint: Endpoint,
  runs: number,
  token: () => string | undefined,
  more: (given: Given) => string | undefined,
) {
  const numRuns = isLaborious(endpoint) ? laborious : runs
  const sent = [true, false].flatMap((good) => fc.sample(requests(endpoint, good), { numRuns, seed }))
  for (let at = 0; at < sent.length; at += 10)
    await Promise.all(
      sent.slice(at, at + 10).map(async (request) => {
        const given = await send(request, token())
        const wrong = fault(endpoint, given) ?? more(given)
        expect(
          wrong,
          `seed ${seed}: ${JSON.stringify(request)} → ${given.status} ${given.text.slice(0, 500)}`,
        ).toBeUndefined()
      }),
    )
}

/** The API of these tests stands alone: it has no signing keys that could be rotated. */
const operations = endpoints
  .filter(({ operationId }) => operationId !== "rotateOAuthKey")
  .map((endpoint) => [endpoint.operationId, endpoint] as const)

describe("whatever is asked,", () => {
  describe("nobody without a token gets anything but what is public from", () => {
    test.each(operations)("%s", async (_, endpoint) => {
      const open = endpoint.who === "public"
      await attack(
        endpoint,
        10,
        () => undefined,
        ({ status }) => (open || status >= 400 ? undefined : "an answer for nobody"),
      )
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

    const nothingOfBobs = ({ text }: Given) => (text.includes(bobsMark) ? "something of bob's" : undefined)
    test.each(operations)("%s", async (_, endpoint) => {
      if (endpoint.method !== "GET") await populate(api, alice, bob)
      await attack(endpoint, perKind, () => alice, nothingOfBobs)
    })

    test("and all of what is another's is as it was", async () => {
      expect(before).toMatchObject(others.map(() => ({ owner: "bob" })))
      expect(await theirs()).toEqual(before)
    })
  })

  describe("an administrator gets an answer of the described form from", () => {
    test.each(operations)("%s", async (_, endpoint) => {
      if (endpoint.method !== "GET") await populate(api, alice, bob)
      await attack(
        endpoint,
        perKind,
        () => api.adminToken,
        () => undefined,
      )
    })
  })

  test("nothing was logged as a failure or left undecided", async () => {
    expect(api.logged.filter((line) => /request_failed|command_failed|command_dead/.test(line))).toEqual([])
    expect((await api.call("GET", "/health")).status).toBe(200)
  })
})
