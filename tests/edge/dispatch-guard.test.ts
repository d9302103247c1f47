import { describe, expect, it } from "vitest"
import { rawExchange, statuses } from "../support/raw-client.ts"
import { dispatchEdge, upstream, edge, http, https, bodyOf, codeOf } from "./dispatch-edge.ts"

dispatchEdge()

describe("metadata and guard", () => {
  it("metadata of a proxied host comes before the guard and never from the backend", async () => {
    expect(bodyOf(await https("a.test", "/.well-known/oauth-protected-resource"))).toBe('{"for":"a.test"}')
    expect(statuses(await http("a.test", "/.well-known/oauth-protected-resource", { method: "OPTIONS" }))).toEqual([
      204,
    ])
    expect(upstream.requests).toEqual([])
    expect(statuses(await http("a.test", "/.well-known/other"))).toEqual([200])
    expect(upstream.requests).toHaveLength(1)
  })

  it("the guard's answer is given as it is", async () => {
    const text = await https("a.test", "/secret?token=x")
    expect(text).toMatch(/^HTTP\/1\.1 401 [^]*WWW-Authenticate: Bearer realm="x"[^]*\r\n\r\nwho\?$/)
    expect(upstream.requests).toEqual([])
  })

  it("a guard that fails lets nobody through, and the edge lives on", async () => {
    expect(codeOf(await https("a.test", "/throws"))).toBe("internal")
    expect(await http("a.test", "/throws")).not.toContain("a fault inside")
    expect(upstream.requests).toEqual([])
    expect(statuses(await http("a.test"))).toEqual([200])
  })

  it("the guard sees the canonical path", async () => {
    expect(statuses(await http("a.test", "//%73ecret"))).toEqual([401])
  })

  it("its CORS headers replace the backend's", async () => {
    upstream.respond = ({ socket }) =>
      void socket.write(
        "HTTP/1.1 200 OK\r\nAccess-Control-Allow-Origin: *\r\nAccess-Control-Allow-Credentials: true\r\nContent-Length: 0\r\n\r\n",
      )
    const text = await http("a.test", "/browser")
    expect(text.match(/access-control-[a-z-]+: .*/gi)).toEqual(["Access-Control-Allow-Origin: https://app.test"])
    upstream.respond = ({ socket }) => void socket.destroy()
    expect(await http("a.test", "/browser")).toMatch(
      /^HTTP\/1\.1 502 [^]*Access-Control-Allow-Origin: https:\/\/app\.test/,
    )
  })
})

it("a refused body that is large ends the connection, a small one does not", async () => {
  const head = (length: number) => `POST /secret HTTP/1.1\r\nHost: a.test\r\nContent-Length: ${length}\r\n\r\n`
  const text = await rawExchange(edge.httpPort, `${head(3)}abc${head(1_000_000)}abc`)
  expect(statuses(text)).toEqual([401, 401])
  expect(text).toMatch(/Connection: keep-alive[^]*Connection: close/)
})
