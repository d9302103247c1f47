import { type RunningApi, runningApi } from "./running-api.ts"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { connect } from "node:net"
import { endpoints } from "../../src/api/endpoint-table.ts"
import { once } from "node:events"
import { randomUUID } from "node:crypto"

let api: RunningApi
let alice: string
beforeAll(async () => {
  api = await runningApi()
  alice = await api.token("alice")
})
afterAll(() => api.stop())

const tokens = "/api/v1/tokens"
const targets = "/api/v1/proxy/targets"
const target = { target_url: "http://93.184.216.34", enable_https: false }

describe("a caller", () => {
  test("without a token is told so, on every endpoint but the public ones", async () => {
    for (const { method, path, who } of endpoints) {
      const address = path
        .replaceAll(/\{position\}/g, "1")
        .replaceAll(/\{id\}/g, randomUUID())
        .replaceAll(/\{\w+\}/g, "x.example.com")
      const { status, headers, body } = await api.call(method, address, undefined, {}, null)
      if (who === "public") expect(status, address).toBeLessThan(300)
      else {
        expect([status, body["code"]], `${method} ${address}`).toEqual([401, "unauthenticated"])
        expect(headers.get("www-authenticate")).toBe("Bearer")
      }
    }
  })

  test.each(["Bearer nobody-knows-this", "Bearer ", "Basic YTpi", "bearer  two words", `Bearer ${"x".repeat(5000)}`])(
    "with the credentials %s is refused",
    async (authorization) => {
      const { status, headers, body } = await api.call("GET", tokens, undefined, { authorization }, null)
      expect([status, body["code"]]).toEqual([401, "invalid_token"])
      expect(headers.get("www-authenticate")).toBe('Bearer error="invalid_token"')
    },
  )

  test("who is no administrator is refused on every endpoint of administrators, before anything is read", async () => {
    for (const { method, path } of endpoints.filter(({ who }) => who === "admin")) {
      const { status, body } = await api.call(
        method,
        path.replaceAll(/\{\w+\}/g, "x"),
        method === "GET" ? undefined : "{no json",
        {},
        alice,
      )
      expect([status, body["code"]], `${method} ${path}`).toEqual([403, "admin_required"])
    }
  })

  test("whose token was deleted is refused from the next request on", async () => {
    const value = await api.token("shortlived")
    expect((await api.call("GET", `${tokens}/info`, undefined, {}, value)).status).toBe(200)
    await api.call("DELETE", `${tokens}/shortlived`)
    expect((await api.call("GET", `${tokens}/info`, undefined, {}, value)).status).toBe(401)
  })
})

describe("a path", () => {
  test("is the same with a trailing slash, without a redirect", async () => {
    expect((await api.call("GET", `${tokens}/`)).status).toBe(200)
    expect((await api.call("POST", `${targets}/`, { hostname: "slash.example.com", ...target })).status).toBe(201)
    expect((await api.call("GET", `${targets}/slash.example.com/`)).status).toBe(200)
    expect((await api.call("GET", "/health/")).status).toBe(200)
  })

  test.each(["/nothing", "/api/v1", "/api/v1/tokens/a/b/c", "/api/v2/tokens", "/api/v1//tokens", "/style.css/x"])(
    "%s is nothing",
    async (path) => {
      const { status, headers, body } = await api.call("GET", path)
      expect([status, body["code"]]).toEqual([404, "not_found"])
      expect(headers.get("content-type")).toBe("application/problem+json")
    },
  )

  test("with a method that it does not have names those that it has", async () => {
    const { status, headers, body } = await api.call("PATCH", `${tokens}/alice`)
    expect([status, body["code"], headers.get("allow")]).toEqual([
      405,
      "method_not_allowed",
      "GET, HEAD, DELETE, OPTIONS",
    ])
    expect((await api.call("DELETE", tokens)).headers.get("allow")).toBe("GET, HEAD, POST, OPTIONS")
  })

  test("answers OPTIONS with its methods and allows no other origin", async () => {
    const { status, headers } = await api.call("OPTIONS", tokens, undefined, { origin: "https://evil.example" }, null)
    expect([status, headers.get("allow")]).toEqual([204, "GET, HEAD, POST, OPTIONS"])
    expect(headers.get("access-control-allow-origin")).toBeNull()
  })

  test("answers HEAD like GET, without a body", async () => {
    const ask = (method: string, headers: Record<string, string>) =>
      fetch(`http://127.0.0.1:${api.port}${tokens}`, { method, headers })
    const authorization = `Bearer ${api.adminToken}`
    const [head, get] = [await ask("HEAD", { authorization }), await ask("GET", { authorization })]
    expect([head.status, head.headers.get("content-length")]).toEqual([
      200,
      String((await get.arrayBuffer()).byteLength),
    ])
    expect([await head.text(), (await ask("HEAD", {})).status]).toEqual(["", 401])
  })

  test("parameter is decoded once, and refused when it cannot be", async () => {
    expect((await api.call("GET", `${tokens}/%61lice`)).status).toBe(200)
    expect((await api.call("GET", `${tokens}/%2561lice`)).status).toBe(404)
    expect((await api.call("GET", `${tokens}/a%2Falice`)).status).toBe(404)
    expect((await api.call("GET", `${tokens}/%ff`)).status).toBe(400)
  })
})

describe("a body", () => {
  const post = (body: string, headers: Record<string, string> = {}) => api.call("POST", tokens, body, headers)

  test.each([
    ["broken", "{", 400, "invalid_json"],
    ["with a duplicate key", '{"name":"a","name":"b"}', 400, "invalid_json"],
    ["with __proto__", '{"name":"a","__proto__":{"is_admin":true}}', 400, "invalid_json"],
    ["that is an array", "[]", 422, "validation_failed"],
    ["that is null", "null", 422, "validation_failed"],
    ["with a field that the server owns", '{"name":"mallory","is_admin":true}', 422, "validation_failed"],
  ])("%s is refused", async (_, body, status, code) => {
    const answer = await post(body)
    expect([answer.status, answer.body["code"]]).toEqual([status, code])
  })

  test("with unknown fields is told each of them, and nothing changes", async () => {
    const { status, body } = await api.call("POST", tokens, { name: "mallory", hash: "x", id: 1 })
    expect(status).toBe(422)
    expect(body["errors"]).toEqual([
      { path: "hash", message: "is not known here" },
      { path: "id", message: "is not known here" },
    ])
    expect((await api.call("GET", `${tokens}/mallory`)).status).toBe(404)
  })

  test("of another type is refused", async () => {
    const answer = await post('{"name":"a"}', { "content-type": "text/plain" })
    expect([answer.status, answer.body["code"]]).toEqual([415, "unsupported_media_type"])
  })

  test("beyond the limit is refused, announced or not, and the connection ends", async () => {
    const big = JSON.stringify({ name: "a", cert_email: "x".repeat(1_100_000) })
    const announced = await post(big)
    expect([announced.status, announced.body["code"], announced.headers.get("connection")]).toEqual([
      413,
      "payload_too_large",
      "close",
    ])
    const socket = connect(api.port, "127.0.0.1")
    socket.write(
      `POST ${tokens} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${api.adminToken}\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n`,
    )
    socket.on("error", () => undefined)
    const chunk = `10000\r\n${" ".repeat(0x10000)}\r\n`
    for (let count = 0; count < 20; count += 1) socket.write(chunk)
    const [answer] = (await once(socket, "data")) as [Buffer]
    expect(answer.toString()).toMatch(/^HTTP\/1.1 413/)
    socket.destroy()
  })

  test("where none is expected is refused, and none where one may be is empty", async () => {
    expect((await api.call("DELETE", `${tokens}/nobody`, { force: true })).status).toBe(400)
    expect((await api.call("POST", tokens)).body["errors"]).toContainEqual(expect.objectContaining({ path: "name" }))
  })

  test("that is refused shows nothing of the values", async () => {
    const { body } = await api.call("POST", tokens, { name: "se cret", cert_email: "also-secret" })
    expect(body["errors"]).toHaveLength(2)
    expect(JSON.stringify(body)).not.toContain("cret")
  })
})

describe("a query", () => {
  test.each([
    "?nonsense=1",
    "?page=0",
    "?page=1.5",
    "?page=-1",
    "?page=1e2",
    "?per_page=101",
    "?sort_by=hash",
    "?order=up",
    "?page=1&page=2",
    "?__proto__=1",
  ])("%s is refused", async (query) => {
    const { status, body } = await api.call("GET", `${tokens}${query}`)
    expect([status, body["code"]]).toEqual([422, "validation_failed"])
    expect(body["errors"]).toHaveLength(1)
  })
})

describe("a list", () => {
  test("comes in pages, in a total order", async () => {
    for (const name of ["p1", "p2", "p3", "p4", "p5"])
      await api.call("POST", targets, { hostname: `${name}.pages.example.com`, ...target })
    const page = (number: number, order = "asc") =>
      api.call<{ targets: { hostname: string }[]; pagination: object }>(
        "GET",
        `${targets}?search=.pages.&per_page=2&page=${number}&order=${order}`,
      )
    const names = async (number: number, order?: string) =>
      (await page(number, order)).body.targets.map(({ hostname }) => hostname.slice(0, 2))
    expect(await names(1)).toEqual(["p1", "p2"])
    expect(await names(3)).toEqual(["p5"])
    expect(await names(1, "desc")).toEqual(["p5", "p4"])
    expect((await page(1)).body.pagination).toEqual({ total: 5, page: 1, per_page: 2, pages: 3 })
    const past = await page(9)
    expect([past.status, past.body]).toEqual([
      200,
      { targets: [], pagination: { total: 5, page: 9, per_page: 2, pages: 3 } },
    ])
  })
})

describe("versions", () => {
  const host = `${targets}/versions.example.com`
  beforeAll(() => api.call("POST", targets, { hostname: "versions.example.com", ...target }))

  test("are entity tags of single objects", async () => {
    const { headers, body } = await api.call("GET", host)
    expect(headers.get("etag")).toBe(`"${body["version"] as number}"`)
    const same = await fetch(`http://127.0.0.1:${api.port}${host}`, {
      headers: { authorization: `Bearer ${api.adminToken}`, "if-none-match": headers.get("etag")! },
    })
    expect([same.status, same.headers.get("etag"), await same.text()]).toEqual([304, headers.get("etag"), ""])
    expect((await api.call("GET", host, undefined, { "if-none-match": '"1"' })).status).toBe(200)
  })

  test("that are not the present one stop a write", async () => {
    const tag = (await api.call("GET", host)).headers.get("etag")!
    const changed = await api.call("PUT", host, { enabled: false }, { "if-match": tag })
    expect(changed.status).toBe(200)
    expect(changed.headers.get("etag")).not.toBe(tag)
    const late = await api.call("PUT", host, { enabled: true }, { "if-match": tag })
    expect([late.status, late.body["code"]]).toEqual([412, "precondition_failed"])
    expect((await api.call("PUT", host, { enabled: true }, { "if-match": `W/${tag}` })).status).toBe(412)
    expect((await api.call("GET", host)).body["enabled"]).toBe(false)
    expect((await api.call("PUT", host, { enabled: true }, { "if-match": "*" })).status).toBe(200)
    expect((await api.call("DELETE", host, undefined, { "if-match": tag })).status).toBe(412)
  })
})

describe("a position", () => {
  test("of a write is in its answer, and a read may ask for it", async () => {
    const { headers } = await api.call("POST", tokens, { name: "positioned" })
    const position = Number(headers.get("x-event-position"))
    const [event] = await api.store.read(position - 1, 1)
    expect(event).toMatchObject({ position, type: "TokenCreated", data: { name: "positioned" } })
    expect((await api.call("GET", `${tokens}/positioned?min_position=${position}`)).status).toBe(200)
  })

  test("that this node does not reach is an error after two seconds", async () => {
    const began = performance.now()
    const { status, headers, body } = await api.call("GET", `${tokens}?min_position=999999`)
    expect([status, body["code"]]).toEqual([503, "projection_behind"])
    expect(body["detail"]).toContain(String(api.projections.world.position))
    expect(headers.get("retry-after")).toBe("1")
    expect(performance.now() - began).toBeGreaterThan(1900)
    expect((await api.call("GET", `${tokens}?min_position=x`)).status).toBe(422)
  })
})

describe("an Idempotency-Key", () => {
  const key = (value: string) => ({ "idempotency-key": value })

  test("makes a repetition the same answer without a second event", async () => {
    const first = await api.call("POST", tokens, { name: "once", cert_email: "a@example.com" }, key("k1"))
    const before = api.projections.world.position
    const second = await api.call("POST", tokens, { cert_email: "a@example.com", name: "once" }, key("k1"))
    expect(first.status).toBe(201)
    expect(first.body["token"]).toMatch(/^acm_[\w-]{43}$/)
    expect([second.status, second.body]).toEqual([201, first.body])
    expect(second.headers.get("x-event-position")).toBe(first.headers.get("x-event-position"))
    expect((await api.store.head()).position).toBe(before)
  })

  test("repeats an answer without the secret once that is gone", async () => {
    const first = await api.call("POST", tokens, { name: "gone" }, key("k2"))
    await api.call("DELETE", `${tokens}/gone`)
    const second = await api.call("POST", tokens, { name: "gone" }, key("k2"))
    const { token: _, ...rest } = first.body
    expect([second.status, second.body]).toEqual([201, rest])
  })

  test("with another body is refused", async () => {
    await api.call("POST", tokens, { name: "body1" }, key("k3"))
    const other = await api.call("POST", tokens, { name: "body2" }, key("k3"))
    expect([other.status, other.body["code"]]).toEqual([422, "idempotency_mismatch"])
  })

  test("belongs to its caller", async () => {
    await api.call("POST", targets, { hostname: "admins.example.com", ...target }, key("k4"))
    const other = await api.call("POST", targets, { hostname: "alices.example.com", ...target }, key("k4"), alice)
    expect(other.status).toBe(201)
  })

  test("repeats a refusal, too", async () => {
    const refused = await api.call("POST", tokens, { name: "alice" }, key("k5"))
    expect([refused.status, refused.body["code"]]).toEqual([409, "already_exists"])
    expect((await api.call("POST", tokens, { name: "alice" }, key("k5"))).body["code"]).toBe("already_exists")
  })

  test("that is none is refused", async () => {
    expect((await api.call("POST", tokens, { name: "bad-key" }, key("x".repeat(129)))).status).toBe(422)
    expect((await api.call("GET", `${tokens}/bad-key`)).status).toBe(404)
  })
})

describe("every answer", () => {
  test("forbids guessing its type and being framed, and has a request id that its events name", async () => {
    const answer = await api.call("POST", tokens, { name: "audited" })
    expect(Object.fromEntries(answer.headers)).toMatchObject({
      "x-content-type-options": "nosniff",
      "x-frame-options": "DENY",
      "referrer-policy": "no-referrer",
      "cache-control": "no-store",
    })
    const [event] = await api.store.read(Number(answer.headers.get("x-event-position")) - 1, 1)
    expect(event!.meta).toMatchObject({
      actor: { name: "ADMIN", admin: true, token: "admin" },
      ip: "127.0.0.1",
      request_id: answer.headers.get("x-request-id"),
    })
  })

  test("that is a problem names its code, status and request", async () => {
    const { headers, body } = await api.call("GET", `${tokens}/nobody`)
    expect(body).toEqual({
      type: "urn:gatehouse:error:not_found",
      title: "There is nothing here.",
      status: 404,
      detail: "there is no token nobody",
      code: "not_found",
      instance: headers.get("x-request-id"),
    })
    expect(headers.get("cache-control")).toBe("no-store")
  })
})

describe("the web page", () => {
  test("says what this is, under a policy without inline scripts", async () => {
    const page = await api.call<string>("GET", "/", undefined, {}, null)
    expect([page.status, page.headers.get("content-type")]).toEqual([200, "text/html; charset=utf-8"])
    expect(page.headers.get("content-security-policy")).toMatch(
      /^default-src 'none'; script-src 'self'; style-src 'self';/,
    )
    expect(page.body).not.toMatch(/<script| style=| on\w+=/)
    for (const [, link] of page.body.matchAll(/href="(\/[^"]*)"/g))
      expect((await api.call("GET", link!, undefined, {}, null)).status, link).toBe(200)
  })
})
