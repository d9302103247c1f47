import { describe, expect, it } from "vitest"
import { rawExchange, statuses } from "../support/raw-client.ts"
import { testEdge } from "../support/edge.ts"
import { until } from "../support/until.ts"
import { dispatchEdge, upstream, edge, callers, http, https, bodyOf, codeOf } from "./dispatch-edge.ts"

dispatchEdge()

describe("hosts", () => {
  it("an unknown one is a 404 problem that names no host", async () => {
    const text = await http("unknown.test")
    expect(text).toMatch(/^HTTP\/1\.1 404 [^]*Content-Type: application\/problem\+json/)
    expect(JSON.parse(bodyOf(text))).toMatchObject({
      status: 404,
      code: "not_found",
      instance: expect.stringMatching(/^[0-9a-f]+-\d+$/) as string,
    })
    expect(text).not.toMatch(/\.test/)
  })

  it("case, port and trailing dot make no difference", async () => {
    for (const host of ["A.Test", "a.test:1234", "a.test."]) expect(statuses(await http(host))).toEqual([200])
  })

  it("the OAuth host reaches its handler over HTTPS, with the canonical target", async () => {
    expect(bodyOf(await https("auth.gate.test", "//token?x=1"))).toContain("oauth")
    expect(callers[0]).toMatchObject({
      address: "127.0.0.1",
      hostname: "auth.gate.test",
      secure: true,
      url: "/token?x=1",
    })
    expect(statuses(await https("auth.gate.test", "/a/../token"))).toEqual([400])
    expect(callers).toHaveLength(1)
  })

  it("the OAuth host is not served in clear", async () => {
    expect(await http("auth.gate.test", "/authorize?a=b")).toMatch(
      /^HTTP\/1\.1 308 [^]*Location: https:\/\/auth\.gate\.test:8443\/authorize\?a=b\r\n/,
    )
    expect(callers).toEqual([])
  })

  it("an admin host reaches the admin handler only from an allowed address", async () => {
    expect(bodyOf(await http("admin.test", "/api/v1/health"))).toContain("admin")
    expect(bodyOf(await https("admin.test"))).toContain("admin")
    expect(statuses(await http("admin.test", "/", { headers: "X-Forwarded-For: 203.0.113.9\r\n" }))).toEqual([404])
    expect(callers).toHaveLength(2)
  })

  it("a trusted proxy that is no place to administrate from cannot report one", async () => {
    const env = { ADMIN_HOSTS: "admin.test", ADMIN_SOURCES: "203.0.113.0/24", TRUSTED_PROXIES: "127.0.0.1" }
    const behind = await testEdge(env)
    const ask = (headers: string) =>
      rawExchange(behind.httpPort, `GET / HTTP/1.1\r\nHost: admin.test\r\n${headers}Connection: close\r\n\r\n`)
    expect(statuses(await ask("X-Forwarded-For: 203.0.113.9\r\n"))).toEqual([404])
    await behind.close(0)
  })

  it("a handler of Gatehouse's own gets the address that a trusted proxy reports", async () => {
    await https("auth.gate.test", "/", { headers: "X-Forwarded-For: 203.0.113.9\r\n" })
    expect(callers[0]?.address).toBe("203.0.113.9")
  })

  it("an upgrade on a host of Gatehouse's own is a 404", async () => {
    const headers =
      "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
    const text = await rawExchange(edge.httpPort, `GET / HTTP/1.1\r\nHost: admin.test\r\n${headers}\r\n`)
    expect(statuses(text)).toEqual([404])
  })
})

describe("schemes and switches", () => {
  it("HTTP off: 308 to HTTPS, path and query kept", async () => {
    const text = await http("https-only.test", "/a%20b//c?d=e/../f")
    expect(text).toMatch(/^HTTP\/1\.1 308 [^]*Location: https:\/\/https-only\.test:8443\/a%20b\/c\?d=e\/\.\.\/f\r\n/)
    expect(statuses(await https("https-only.test"))).toEqual([200])
  })

  it("HTTPS off: 404 there", async () => {
    expect(codeOf(await https("http-only.test"))).toBe("not_found")
    expect(statuses(await http("http-only.test"))).toEqual([200])
  })

  it("a change applies to the next request", async () => {
    edge.projections.append("proxy", "http-only.test", "ProxyUpdated", { enable_http: false, enable_https: true })
    expect(statuses(await http("http-only.test"))).toEqual([308])
    expect(statuses(await https("http-only.test"))).toEqual([200])
    edge.projections.append("proxy", "http-only.test", "ProxyUpdated", { enable_http: true, enable_https: false })
  })

  it("a disabled proxy is a 503", async () => {
    for (const text of [await http("off.test"), await https("off.test", "/.well-known/oauth-protected-resource")]) {
      expect(text).toMatch(/^HTTP\/1\.1 503 [^]*Retry-After: /)
      expect(codeOf(text)).toBe("proxy_disabled")
    }
    expect(upstream.requests).toEqual([])
  })

  it("a target that changes is used by the next request, and the old one's connections end", async () => {
    edge.proxy("moving.test", upstream.port)
    await http("moving.test")
    expect(upstream.sockets.size).toBe(1)
    edge.projections.append("proxy", "moving.test", "ProxyUpdated", { target_url: "http://127.0.0.1:1" })
    await until(() => upstream.sockets.size === 0)
    expect(statuses(await http("moving.test"))).toEqual([502])
    edge.projections.append("proxy", "moving.test", "ProxyUpdated", {
      target_url: `http://127.0.0.1:${upstream.port}/base/`,
    })
    expect(statuses(await http("moving.test", "/x?y"))).toEqual([200])
    expect(upstream.requests.at(-1)?.line).toBe("GET /base/x?y HTTP/1.1")
  })
})
