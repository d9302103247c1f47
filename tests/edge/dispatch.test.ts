import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest"
import { rawExchange, statuses } from "../support/raw-client.ts"
import { type Recorder, recorder } from "../support/recorder.ts"
import { type TestEdge, openGuard, testEdge } from "../support/edge.ts"
import type { Caller } from "../../src/edge/exchange.ts"
import { until } from "../support/until.ts"

let upstream: Recorder
let edge: TestEdge
const callers: (Caller & { url: string | undefined })[] = []

beforeAll(async () => {
  upstream = await recorder()
  edge = await testEdge(
    {
      BASE_DOMAIN: "gate.test",
      ADMIN_HOSTS: "admin.test",
      PUBLIC_HTTPS_PORT: "8443",
      TRUSTED_PROXIES: "127.0.0.1",
      ADMIN_SOURCES: "127.0.0.0/8",
    },
    {
      guard: {
        ...openGuard,
        check: (_, { path }) => {
          if (path === "/throws") throw new Error("a fault inside")
          return path === "/secret"
            ? {
                pass: false,
                status: 401,
                headers: ["WWW-Authenticate", 'Bearer realm="x"'],
                body: "who?",
                reason: "no_credential",
              }
            : {
                pass: true,
                headers: [],
                protected: false,
                identity: { subject: "u1", clientId: "c1", grantId: "g", expires: 4_000_000_000 },
                ...(path === "/browser" && {
                  cors: ["Access-Control-Allow-Origin", "https://app.test", "Vary", "Origin"],
                }),
              }
        },
      },
      metadata: (proxy, method, path) =>
        path === "/.well-known/oauth-protected-resource"
          ? {
              status: method === "OPTIONS" ? 204 : 200,
              headers: ["Content-Type", "application/json"],
              body: method === "OPTIONS" ? "" : `{"for":"${proxy.hostname}"}`,
            }
          : undefined,
      oauth(req, res, caller) {
        callers.push({ ...caller, url: req.url })
        res.end("oauth")
      },
      admin(req, res, caller) {
        callers.push({ ...caller, url: req.url })
        res.end("admin")
      },
    },
  )
  edge.proxy("a.test", upstream.port)
  edge.proxy("https-only.test", upstream.port, { enable_http: false })
  edge.proxy("http-only.test", upstream.port, { enable_https: false })
  edge.proxy("off.test", upstream.port, { enabled: false })
  edge.projections.append("certificate", "c", "CertificateRequested", {
    cert_name: "c",
    domains: ["new.test"],
    email: null,
    issuer: "acme",
    acme_directory_url: "https://ca.test/dir",
    environment: "production",
    key_type: "rsa",
    owner: "alice",
  })
  edge.projections.append("certificate", "c", "CertificateChallengePublished", {
    domain: "new.test",
    token: "tok-1",
    key_authorization: "tok-1.key",
  })
})
afterAll(async () => {
  await edge.close(0)
  await upstream.close()
})
beforeEach(() => {
  upstream.reset()
  callers.length = 0
})

const request = (host: string, path = "/", { method = "GET", headers = "" } = {}) =>
  `${method} ${path} HTTP/1.1\r\nHost: ${host}\r\n${headers}Connection: close\r\n\r\n`
const http = (...args: Parameters<typeof request>) => rawExchange(edge.httpPort, request(...args))
const https = (...args: Parameters<typeof request>) => rawExchange(edge.httpsPort, request(...args), null)
const bodyOf = (text: string) => text.slice(text.indexOf("\r\n\r\n") + 4)
const codeOf = (text: string) => (JSON.parse(bodyOf(text)) as { code: string }).code

describe("ACME challenges on the HTTP port", () => {
  const path = "/.well-known/acme-challenge/"
  it.each([
    "new.test",
    "a.test",
    "a.test:5002",
    "off.test",
    "https-only.test",
    "unknown.test",
    "auth.gate.test",
    "127.0.0.1",
  ])("are answered for any host, before everything else: %s", async (host) => {
    const text = await http(host, `${path}tok-1`)
    expect(text).toMatch(/^HTTP\/1\.1 200 /)
    expect(bodyOf(text)).toBe("tok-1.key")
  })

  it.each(["tok-2", "", "tok-1/", "a%2fb", "..%2f..%2fetc", "../x", "__proto__"])(
    "an unknown token is a 404: %j",
    async (token) => {
      expect(statuses(await http("a.test", path + token))).toEqual([404])
      expect(upstream.requests).toEqual([])
    },
  )

  it("only GET and HEAD", async () => {
    expect(statuses(await http("new.test", `${path}tok-1`, { method: "POST" }))).toEqual([405])
    expect(bodyOf(await http("new.test", `${path}tok-1`, { method: "HEAD" }))).toBe("")
  })

  it("on the HTTPS port the path is the backend's", async () => {
    expect(statuses(await https("a.test", `${path}tok-1`))).toEqual([200])
    expect(upstream.requests).toHaveLength(1)
  })
})

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
