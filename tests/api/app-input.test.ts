import { describe, expect, test } from "vitest"
import { connect } from "node:net"
import { once } from "node:events"
import { apiWithOwner, api, tokens } from "./app-api.ts"

apiWithOwner()

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
