import { describe, expect, it } from "vitest"
import { statuses } from "../support/raw-client.ts"
import { dispatchEdge, upstream, http, https, bodyOf } from "./dispatch-edge.ts"

dispatchEdge()

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
