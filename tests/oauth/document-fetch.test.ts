import { type DocumentFault, DocumentError, documentFetch } from "../../src/oauth/document-fetch.ts"
import { type DocumentSite, documentSite, jsonReply } from "./document-site.ts"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { runningTime } from "../support/running-time.ts"

let site: DocumentSite

beforeAll(async () => {
  site = await documentSite()
})

afterAll(async () => {
  await site?.stop()
})

const nobody = { allowedHosts: [], deniedHosts: [] }
const fetchFrom = (issuer: string, more: object = {}) => documentFetch({ issuer, ca: site.ca, ...nobody, ...more })
const local = (more: object = {}) => fetchFrom("https://auth.localhost:8443", more)

async function fault(fetching: Promise<unknown>): Promise<DocumentFault | undefined> {
  const error = await fetching.then(
    () => undefined,
    (failure: unknown) => failure,
  )
  if (error !== undefined && !(error instanceof DocumentError)) throw error as Error
  return error?.fault
}

describe("a document that others chose the address of", () => {
  it("is read from loopback when the issuer is there itself, under its own name", async () => {
    const url = site.publish("/a.json", { hello: 1 }, { "cache-control": "public, max-age=120", age: "20" })
    expect(await local()(url, 5120)).toEqual({ value: { hello: 1 }, maxAge: 100, noStore: false })
    expect(site.seen.at(-1)).toEqual({ path: "/a.json", host: `client.localhost:${site.port}` })
    const literal = `https://127.0.0.1:${site.port}/a.json`
    expect((await local()(literal, 5120)).value).toEqual({ hello: 1 })
  })

  it("is never read from loopback by an issuer that is elsewhere", async () => {
    const before = site.seen.length
    const fetch = fetchFrom("https://auth.example.com", { resolve: async () => ["127.0.0.1"] })
    expect(await fault(fetch(`https://client.localhost:${site.port}/a.json`, 5120))).toBe("address_not_allowed")
    expect(await fault(fetch(`https://documents.example:${site.port}/a.json`, 5120))).toBe("address_not_allowed")
    expect(await fault(fetch(`https://127.0.0.1:${site.port}/a.json`, 5120))).toBe("url_not_allowed")
    expect(await fault(fetch(`https://[::1]:${site.port}/a.json`, 5120))).toBe("url_not_allowed")
    expect(site.seen.length).toBe(before)
  })

  it("is not read from loopback under a name of elsewhere, even by an issuer on loopback", async () => {
    const before = site.seen.length
    const fetch = local({ resolve: async () => ["127.0.0.1"] })
    expect(await fault(fetch(`https://documents.example:${site.port}/a.json`, 5120))).toBe("address_not_allowed")
    expect(site.seen.length).toBe(before)
  })

  it.each([
    [["10.0.0.1"]],
    [["93.184.215.14", "10.0.0.1"]],
    [["93.184.215.14", "::1"]],
    [["169.254.169.254"]],
    [["100.64.1.1"]],
    [["192.0.2.1"]],
    [["198.18.0.1"]],
    [["203.0.113.9"]],
    [["0.0.0.0"]],
    [["224.0.0.1"]],
    [["255.255.255.255"]],
    [["::ffff:127.0.0.1"]],
    [["::127.0.0.1"]],
    [["::ffff:0:127.0.0.1"]],
    [["64:ff9b::7f00:1"]],
    [["fd00:ec2::254"]],
    [["fe80::1%eth0"]],
    [["fec0::1"]],
    [["2001:db8::1"]],
    [["2002:7f00:1::"]],
    [["not an address"]],
  ])("is not read when its name stands for %j", async (addresses) => {
    const fetch = fetchFrom("https://auth.example.com", { resolve: async () => addresses })
    expect(await fault(fetch("https://documents.example/a.json", 5120))).toBe("address_not_allowed")
  })

  it("has a name that stands for something", async () => {
    const fetch = fetchFrom("https://auth.example.com", { resolve: async () => [] })
    expect(await fault(fetch("https://documents.example/a.json", 5120))).toBe("name_unknown")
  })

  it.each([
    "http://client.localhost/a.json",
    "https://CLIENT.localhost/a.json",
    "https://client.localhost:443/a.json",
    "https://user@client.localhost/a.json",
    "https://client.localhost/a.json#x",
    "https://client.localhost/a/../b.json",
    "https:\\\\client.localhost\\a.json",
    "https://2130706433/a.json",
    "https://0x7f.1/a.json",
    "https://0177.0.0.1/a.json",
    "https://8.8.8.8/a.json",
    "https://[2606:4700::1]/a.json",
    "file:///etc/passwd",
    "nonsense",
  ])("has a plain address: %s has not", async (url) => {
    expect(await fault(local()(url, 5120))).toBe("url_not_allowed")
  })

  it("can be limited to hosts, and kept from others", async () => {
    const url = site.publish("/b.json", {})
    const only = (allowedHosts: string[], deniedHosts: string[] = []) =>
      fault(local({ allowedHosts, deniedHosts })(url, 5120))
    expect(await only(["client.localhost"])).toBeUndefined()
    expect(await only(["localhost"])).toBeUndefined()
    expect(await only(["lient.localhost"])).toBe("host_not_allowed")
    expect(await only([], ["localhost"])).toBe("host_not_allowed")
    expect(await only(["client.localhost"], ["client.localhost"])).toBe("host_not_allowed")
  })

  it("needs a certificate that is trusted and names its host", async () => {
    const url = site.publish("/b.json", {})
    const untrusting = documentFetch({ issuer: "https://auth.localhost", ...nobody })
    expect(await fault(untrusting(url, 5120))).toBe("unreachable")
    expect(await fault(local()(`https://a.b.localhost:${site.port}/b.json`, 5120))).toBe("unreachable")
  })

  it.each([
    ["a redirect", "redirect", jsonReply({}, { location: "https://127.0.0.1/" }, 302)],
    ["another success", "wrong_status", jsonReply({}, {}, 201)],
    ["a failure", "wrong_status", jsonReply({}, {}, 500)],
    ["text", "wrong_type", jsonReply({}, { "content-type": "text/plain" })],
    ["text that looks like JSON", "wrong_type", jsonReply({}, { "content-type": "application/jsonp" })],
    ["a compressed body", "wrong_type", jsonReply({}, { "content-encoding": "gzip" })],
    ["too much", "too_large", jsonReply({ x: "y".repeat(6000) })],
  ] as const)("is refused: %s", async (_what, expected, reply) => {
    site.answer("/c.json", reply)
    expect(await fault(local()(`${site.origin}/c.json`, 5120))).toBe(expected)
  })

  it("is refused when it is no JSON in UTF-8", async () => {
    for (const body of ["{", Buffer.from([0x22, 0xff, 0x22])]) {
      site.answer(
        "/d.json",
        (response) => void response.writeHead(200, { "content-type": "application/json" }).end(body),
      )
      expect(await fault(local()(`${site.origin}/d.json`, 5120))).toBe("not_json")
    }
  })

  it("is given up after five seconds, however slowly it drips", async () => {
    site.answer("/slow.json", (response) => {
      response.writeHead(200, { "content-type": "application/json" })
      const drip = setInterval(() => response.write(" "), 100)
      response.on("close", () => clearInterval(drip))
    })
    const time = runningTime()
    expect(await fault(local()(`${site.origin}/slow.json`, 5120))).toBe("timeout")
    expect(time.ms).toBeLessThan(6500)
    time.stop()
  })

  it("says how long it may be kept", async () => {
    const kept = async (headers: Record<string, string>) => {
      const { maxAge, noStore } = await local()(site.publish("/e.json", {}, headers), 5120)
      return [maxAge, noStore]
    }
    expect(await kept({})).toEqual([undefined, false])
    expect(await kept({ "cache-control": "no-store" })).toEqual([undefined, true])
    expect(await kept({ "cache-control": "no-cache, max-age=10" })).toEqual([0, false])
    expect(await kept({ "cache-control": 'max-age="30"' })).toEqual([30, false])
    expect(await kept({ "cache-control": "max-age=banana" })).toEqual([undefined, false])
  })
})
