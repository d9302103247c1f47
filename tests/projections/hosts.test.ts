import { addProxy, testProjections } from "../support/projections.ts"
import { describe, expect, it } from "vitest"
import { hosts } from "../../src/projections/hosts.ts"
import { parseTarget } from "../../src/projections/destination.ts"

it("starts from what is there and follows every event", () => {
  const projections = testProjections()
  addProxy(projections, "early.test")
  const read = hosts(projections)
  expect(read.get("early.test")?.proxy.hostname).toBe("early.test")
  addProxy(projections, "a.test", { target_url: "http://backend:3000" })
  const first = read.get("a.test")
  expect(first?.destination).toMatchObject({ target: { hostname: "backend", port: 3000 } })
  projections.append("proxy", "a.test", "ProxyUpdated", { target_url: "https://other" })
  expect(read.get("a.test")?.destination).toMatchObject({ target: { hostname: "other", port: 443, secure: true } })
  expect(first?.destination).toMatchObject({ target: { hostname: "backend" } })
  projections.append("proxy", "a.test", "ProxyDeleted", { hostname: "a.test" })
  expect(read.get("a.test")).toBeUndefined()
  expect(read.get("toString")).toBeUndefined()
})

it("tells who changed, after the change, and nobody after it was closed", () => {
  const projections = testProjections()
  const read = hosts(projections)
  const seen: [string, string | undefined, string | undefined][] = []
  read.onChange((name, previous) => seen.push([name, previous?.proxy.target_url, read.get(name)?.proxy.target_url]))
  addProxy(projections, "a.test", { target_url: "http://one" })
  projections.append("proxy", "a.test", "ProxyUpdated", { target_url: "http://two" })
  projections.append("grant", "g", "GrantRevoked", { reason: "user" })
  read.close()
  projections.append("proxy", "a.test", "ProxyUpdated", { target_url: "http://three" })
  expect(seen).toEqual([
    ["a.test", undefined, "http://one"],
    ["a.test", "http://one", "http://two"],
  ])
})

describe("targets", () => {
  it.each([
    ["http://a", { secure: false, hostname: "a", port: 80, authority: "a", base: "" }],
    ["https://a/", { secure: true, hostname: "a", port: 443, authority: "a", base: "" }],
    ["http://a:8080/x/y//", { secure: false, hostname: "a", port: 8080, authority: "a:8080", base: "/x/y" }],
    ["http://[::1]:81", { secure: false, hostname: "::1", port: 81, authority: "[::1]:81", base: "" }],
  ])("%s", (url, target) => expect(parseTarget(url)).toEqual(target))

  it.each(["service://a", "ftp://a", "a:80", "", "http://"])("%j is none", (url) =>
    expect(parseTarget(url)).toBeUndefined(),
  )
})

it("shows each proxy with its resources, and anew when those change", () => {
  const projections = testProjections()
  addProxy(projections, "a.test")
  addProxy(projections, "b.test")
  const read = hosts(projections)
  const uris = (hostname: string) => read.get(hostname)?.proxy.resources.map(({ uri }) => uri)
  const [first, untouched] = [read.get("a.test")?.proxy, read.get("b.test")?.proxy]
  const uri = "https://a.test/files"
  const entry = {
    uri,
    name: "x",
    proxy_target: "a.test",
    scopes: ["s"],
    metadata_url: null,
    description: "",
    owner: "alice",
    auto: false,
  }
  projections.append("resource", uri, "ResourceRegistered", entry)
  expect([uris("a.test"), uris("b.test")]).toEqual([[uri], []])
  expect(read.get("a.test")?.proxy).not.toBe(first)
  expect(read.get("b.test")?.proxy).toBe(untouched)
  projections.append("resource", uri, "ResourceUpdated", { scopes: ["t"] })
  expect(read.get("a.test")?.proxy.resources[0]?.scopes).toEqual(["t"])
  projections.append("resource", uri, "ResourceDeleted", { uri })
  expect(uris("a.test")).toEqual([])
})

it("follows the instances that proxies lead to", () => {
  const projections = testProjections()
  addProxy(projections, "a.test", { target_url: "instance://db", owner: "alice" })
  const read = hosts(projections)
  const registered = (owner: string) =>
    projections.append("instance", "db", "InstanceRegistered", {
      name: "db",
      target_url: "http://one",
      description: "",
      owner,
      created_by: owner,
    })
  expect(read.get("a.test")?.destination).toBe("target_unavailable")
  registered("bob")
  expect(read.get("a.test")?.destination).toBe("target_unavailable")
  registered("alice")
  expect(read.get("a.test")?.destination).toMatchObject({ target: { hostname: "one" }, owner: "alice" })
  projections.append("instance", "db", "InstanceDeleted", { name: "db" })
  expect(read.get("a.test")?.destination).toBe("target_unavailable")
})
