import { beforeAll, describe, expect, test } from "vitest"
import { issue } from "./running-api.ts"
import { alice, apiWithOwner, api, tokens, targets, target } from "./app-api.ts"

apiWithOwner()

describe("versions", () => {
  const host = `${targets}/versions.example.com`
  beforeAll(() => api.call("POST", targets, { hostname: "versions.example.com", ...target }))

  test("are entity tags of single objects", async () => {
    const { headers, body } = await api.call("GET", host)
    expect(headers.get("etag")).toMatch(new RegExp(`^"${body["version"] as number}-[\\w-]{16}"$`))
    const same = await fetch(`http://127.0.0.1:${api.port}${host}`, {
      headers: { authorization: `Bearer ${api.adminToken}`, "if-none-match": headers.get("etag")! },
    })
    expect([same.status, same.headers.get("etag"), await same.text()]).toEqual([304, headers.get("etag"), ""])
    expect((await api.call("GET", host, undefined, { "if-none-match": '"1"' })).status).toBe(200)
  })

  test("do not stay when what is shown of other objects changes, and still name the version", async () => {
    const name = "versions-db"
    await api.call("POST", "/api/v1/instances", { name, target_url: "http://93.184.216.34" })
    const cert = "/api/v1/certificates/proxy-versions-internal"
    await api.call("POST", targets, { hostname: "versions.internal", target_url: "http://93.184.216.34" })
    const shown = [`/api/v1/instances/${name}`, `${tokens}/alice`, `${targets}/versions.internal`, `${cert}/coverage`]
    const tags = new Map<string, string>()
    for (const path of shown) {
      const etag = (await api.call("GET", path)).headers.get("etag")!
      tags.set(path, etag)
      expect((await api.call("GET", path, undefined, { "if-none-match": etag })).status, path).toBe(304)
    }
    const changedNow = async (path: string) => {
      const now = await api.call("GET", path, undefined, { "if-none-match": tags.get(path)! })
      expect(now.status, path).toBe(200)
      expect(Number.parseInt(now.headers.get("etag")!.slice(1), 10), path).toBe(
        Number.parseInt(tags.get(path)!.slice(1), 10),
      )
    }
    const route = { path_pattern: "/db", target_type: "instance", target_value: name }
    expect((await api.call("POST", "/api/v1/routes", route)).status).toBe(201)
    await changedNow(shown[0]!)
    await api.call("POST", targets, { hostname: "counted.example.com", ...target }, {}, alice)
    await changedNow(shown[1]!)
    await issue(api, "proxy-versions-internal")
    await changedNow(shown[2]!)
    tags.set(shown[3]!, (await api.call("GET", shown[3]!)).headers.get("etag")!)
    await api.call("DELETE", `${targets}/versions.internal`)
    await changedNow(shown[3]!)
    const change = { description: "the same version still" }
    const put = await api.call("PUT", shown[0]!, change, { "if-match": tags.get(shown[0]!)! })
    expect(put.status).toBe(200)
    expect(put.headers.get("etag")).toBe(`"${put.headers.get("x-event-position")}"`)
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
