import { expect, it } from "vitest"
import { rawExchange } from "../support/raw-client.ts"
import { until } from "../support/until.ts"
import { dispatchEdge, edge, http, https } from "./dispatch-edge.ts"

dispatchEdge()

it("one record for each request, without query, token or body", async () => {
  await https("a.test", "/logged?token=secret", {
    headers: "Authorization: Bearer secret\r\nX-Forwarded-For: 203.0.113.9\r\n",
  })
  await http("a.test", "/secret")
  await rawExchange(edge.httpPort, "garbage\r\n\r\n")
  await until(() => edge.records.some(({ method }) => method === ""))
  const records = edge.records.slice(-3)
  expect(records).toEqual([
    expect.objectContaining({
      client: "203.0.113.9",
      host: "a.test",
      method: "GET",
      path: "/logged",
      status: 200,
      bytes: 2,
      proxy: "a.test",
      subject: "u1",
      client_id: "c1",
      reason: null,
    }),
    expect.objectContaining({
      client: "127.0.0.1",
      path: "/secret",
      status: 401,
      subject: null,
      reason: "no_credential",
    }),
    expect.objectContaining({ host: "", method: "", status: 400, reason: "bad_request" }),
  ])
  for (const { duration_ms, at } of records) {
    expect(duration_ms).toBeGreaterThanOrEqual(0)
    expect(Math.abs(at - Date.now())).toBeLessThan(60_000)
  }
  expect(JSON.stringify(records)).not.toContain("token=")
  expect(JSON.stringify(records)).not.toContain("Bearer")
})

it("what a handler of our own notes about a request stands in its record", async () => {
  await https("auth.gate.test", "/noted?code=secret")
  await until(() => edge.records.some(({ path }) => path === "/noted"))
  expect(edge.records.find(({ path }) => path === "/noted")).toMatchObject({
    host: "auth.gate.test",
    status: 200,
    proxy: null,
    reason: "invalid_grant",
    client_id: "c9",
    subject: "u9",
    grant_id: "g9",
  })
})

it("what may be a credential around the path stands in no record", async () => {
  const seen = edge.records.length
  const requests = [
    ["GET http://user:secret@a.test/form HTTP/1.1", "Host: a.test"],
    ["GET http://a.test/form?code=secret HTTP/1.1", "Host: a.test"],
    ["GET /form;x?code=secret#secret HTTP/1.1", "Host: a.test"],
    ["GET ?code=secret HTTP/1.1", "Host: a.test"],
    ["GET /form HTTP/1.1", "Host: user:secret@a.test"],
    ["GET /form HTTP/1.1", "Host: a.test?secret"],
    ["CONNECT user:secret@a.test:443 HTTP/1.1", "Host: a.test"],
  ]
  for (const lines of requests) await rawExchange(edge.httpPort, `${lines.join("\r\n")}\r\nConnection: close\r\n\r\n`)
  await until(() => edge.records.length === seen + requests.length)
  expect(JSON.stringify(edge.records.slice(seen))).not.toContain("secret")
})
