import { afterAll, beforeAll, beforeEach, expect, it } from "vitest"
import { type Recorder, recorder } from "../support/recorder.ts"
import { type TestEdge, openGuard, testEdge } from "../support/edge.ts"
import type { Guard } from "../../src/edge/guard.ts"
import { rawExchange, statuses } from "../support/raw-client.ts"

let upstream: Recorder
let edge: TestEdge
const identity = { subject: "u1", clientId: "c1", grantId: "g1", expires: 4_000_000_000 }
const injected = { value: "alice" }

/** Protects `safe.test`, sets identity headers there and on `odd.test`, and lets everybody through elsewhere. */
const guard: Guard = {
  ...openGuard,
  check: (proxy) =>
    proxy.hostname === "safe.test"
      ? {
          pass: true,
          headers: ["X-Auth-User-Id", injected.value, "X-Auth-Scopes", "mcp:read"],
          protected: true,
          identity,
        }
      : { pass: true, headers: [], protected: false, identity: null },
}

beforeAll(async () => {
  upstream = await recorder()
  edge = await testEdge({ TRUSTED_PROXIES: "127.0.0.2" }, { guard })
  edge.proxy("a.test", upstream.port)
  edge.proxy("safe.test", upstream.port)
  edge.proxy("own.test", upstream.port, {
    preserve_host_header: false,
    custom_headers: { "X-Api-Key": "secret", "X-Team": "blue" },
  })
  edge.projections.append("proxy", "own.test", "ProxyAuthSet", {
    auth_enabled: true,
    auth_proxy: "auth.test",
    auth_mode: "forward",
    auth_required_users: null,
    auth_required_emails: null,
    auth_required_groups: null,
    auth_pass_headers: true,
    auth_excluded_paths: [],
    auth_cookie_name: "tenant_session",
    auth_header_prefix: "X-Me-",
  })
})
afterAll(async () => {
  await edge.close(0)
  await upstream.close()
})
beforeEach(() => {
  upstream.reset()
  injected.value = "alice"
})

/** Header lines that the backend saw. */
async function seen(host: string, headers: string): Promise<readonly string[]> {
  const text = await rawExchange(
    edge.httpPort,
    `GET /x?y=1 HTTP/1.1\r\nHost: ${host}\r\n${headers}Connection: close\r\n\r\n`,
  )
  expect(statuses(text)).toEqual([200])
  return upstream.requests.at(-1)!.headers
}

it("identity and forwarding headers of the client never pass, however they are spelled", async () => {
  const names = [
    "X-Forwarded-For",
    "X-Forwarded-User",
    "X_Forwarded_User",
    "X.Forwarded.User",
    "x-forwarded-host",
    "Forwarded",
    "X-Real-IP",
    "X_Real_Ip",
    "X-Auth-User-Id",
    "X_AUTH_USER_ID",
    "X-Auth~Groups",
    "X-Original-URL",
    "X.Original.URL",
    "Proxy-Authorization",
    "Proxy_Connection",
    "Content_Length",
    "Transfer_Encoding",
    "Mcp_Session_Id",
    "X-Client-IP",
    "True_Client_IP",
    "CF-Connecting-IP",
    "X-Cluster-Client-Ip",
    "Fastly-Client-IP",
    "X-Rewrite-URL",
    "Proxy",
  ]
  const lines = await seen("a.test", names.map((name) => `${name}: evil\r\n`).join(""))
  expect(lines.join("\n")).not.toContain("evil")
})

it("forwarding headers come from the connection", async () => {
  expect(await seen("a.test:81", "")).toEqual([
    "Host: a.test:81",
    "X-Forwarded-For: 127.0.0.1",
    "X-Forwarded-Proto: http",
    `X-Forwarded-Port: ${edge.httpPort}`,
    "X-Forwarded-Host: a.test:81",
  ])
})

it("everything else passes as it came, in order and with repetitions", async () => {
  const sent = [
    "Accept: a",
    "accept: b",
    "X-Custom: c  d",
    "Cookie: e=f",
    "Mcp-Session-Id: g",
    "Last-Event-ID: h",
    "Authorization: Bearer i",
    "X-Empty: ",
  ]
  const lines = await seen("a.test", sent.map((line) => `${line}\r\n`).join(""))
  expect(lines.slice(1, 1 + sent.length)).toEqual(sent)
})

it("hop-by-hop headers end here, with those that Connection nominates", async () => {
  const lines = await seen(
    "a.test",
    "Keep-Alive: timeout=9\r\nTE: gzip\r\nTrailer: X\r\nX-Hop: 1\r\nX-Stays: 2\r\nConnection: x-hop\r\n",
  )
  expect(lines.join("\n")).not.toMatch(/^(keep-alive|te|trailer|x-hop|connection)/im)
  expect(lines).toContain("X-Stays: 2")
  expect(await seen("a.test", "TE: trailers\r\n")).toContain("TE: trailers")
})

it("a nomination of an end-to-end header, or of one of ours, has no effect", async () => {
  const lines = await seen(
    "safe.test",
    "Cookie: a=b\r\nMcp-Session-Id: s\r\nConnection: X-Auth-User-Id, Cookie, Mcp-Session-Id, X-Forwarded-For\r\n",
  )
  expect(lines).toEqual(
    expect.arrayContaining(["Cookie: a=b", "Mcp-Session-Id: s", "X-Auth-User-Id: alice", "X-Forwarded-For: 127.0.0.1"]),
  )
})

it("on a protected proxy credentials and Gatehouse's cookies stay here", async () => {
  const lines = await seen(
    "safe.test",
    "Authorization: Bearer t\r\nDPoP: proof\r\nCookie: a=b; __Host-gh_access=t; __host-GH_login=u; c=d\r\nCookie: __Host-gh_session=x\r\n",
  )
  expect(lines.join("\n")).not.toMatch(/bearer|dpop|gh_/i)
  expect(lines.filter((line) => line.startsWith("Cookie"))).toEqual(["Cookie: a=b; c=d"])
  expect(lines).toEqual(expect.arrayContaining(["X-Auth-User-Id: alice", "X-Auth-Scopes: mcp:read"]))
})

it("Gatehouse's cookies stay here on every host: browsers have them from when it was guarded", async () => {
  const sent =
    "Cookie: a=b; __Host-gh_access=t; __HOST-gh_login=u\r\nCookie: __Host-gh_session=x\r\nAuthorization: Basic y\r\n"
  const lines = await seen("a.test", sent)
  expect(lines.join("\n")).not.toMatch(/gh_/i)
  expect(lines).toEqual(expect.arrayContaining(["Cookie: a=b", "Authorization: Basic y"]))
  expect(await seen("a.test", "Cookie: theirs=__x;  spaced=1\r\n")).toContain("Cookie: theirs=__x;  spaced=1")
})

it("a proxy's own headers replace the client's, and its prefix is reserved whether set or not", async () => {
  const lines = await seen(
    "own.test",
    "X-Api-Key: guess\r\nx_api_key: guess\r\nX-Me-User-Id: guess\r\nX.Me.User: guess\r\nX-Auth-User-Id: guess\r\nx_auth_groups: guess\r\n",
  )
  expect(lines.join("\n")).not.toContain("guess")
  expect(lines).toEqual(expect.arrayContaining(["X-Api-Key: secret", "X-Team: blue"]))
})

it("without preserve_host_header the backend sees its own name, and the client's in X-Forwarded-Host", async () => {
  const lines = await seen("own.test", "")
  expect(lines).toEqual(expect.arrayContaining([`Host: 127.0.0.1:${upstream.port}`, "X-Forwarded-Host: own.test"]))
})

it.each(["ali\r\nX-Evil: 1", "ali\nX", "a\0", "\u010aX-Evil: 1"])(
  "an identity that no header can hold is a 502: %j",
  async (value) => {
    injected.value = value
    const text = await rawExchange(edge.httpPort, "GET / HTTP/1.1\r\nHost: safe.test\r\nConnection: close\r\n\r\n")
    expect(statuses(text)).toEqual([502])
    expect(upstream.requests).toEqual([])
  },
)

it("header names with prototype names are data", async () => {
  const lines = await seen("a.test", "__proto__: a\r\nconstructor: b\r\ntoString: c\r\n")
  expect(lines).toEqual(expect.arrayContaining(["__proto__: a", "constructor: b", "toString: c"]))
})
