import { describe, expect, it } from "vitest"
import { alice, as, base, engine, node, running, servicesNode } from "./services-node.ts"
import { eventually } from "../support/gatehouse.ts"

servicesNode()
const image = "gatehouse/test-web:1"

interface Problem {
  readonly code: string
}
const gone = (name: string) =>
  eventually(`${name} is gone`, async () => (await node.api("GET", `${base}/${name}`)).status === 404)

describe("what a service says", () => {
  it("is its own lines, from a moment on, with their times", async () => {
    expect((await as(alice, "POST", base, { service_name: "web", image })).status).toBe(201)
    const { allocated_port } = await running("web")
    const logs = async (query: string) =>
      (await as<{ logs: string[]; lines: number }>(alice, "GET", `${base}/web/logs?${query}`)).body
    await fetch(`http://127.0.0.1:${allocated_port}/early`)
    await eventually("it is told", async () => (await logs("lines=5000")).logs.join().includes("404"))
    const stamped = (await logs("timestamps=true")).logs
    for (const line of stamped) expect(line).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z /)
    expect(await logs("lines=1")).toMatchObject({ lines: 1 })
    const later = new Date(Date.parse(stamped.at(-1)!.split(" ")[0]!) + 1000).toISOString()
    expect((await logs(`since=${later}`)).logs).toEqual([])
    for (const bad of ["lines=0", "lines=5001", "since=yesterday", "timestamps=perhaps", "tail=1"])
      expect((await as<Problem>(alice, "GET", `${base}/web/logs?${bad}`)).body.code, bad).toBe("validation_failed")
  })

  it("is nothing before it has a container", async () => {
    const made = await node.api("POST", base, { service_name: "never", image: "gatehouse/nowhere:1" })
    expect(made.status).toBe(201)
    for (const what of ["logs", "logs?follow=true", "stats"]) {
      const answer = await node.api<Problem>("GET", `${base}/never/${what}`)
      expect([answer.status, answer.body.code], what).toEqual([409, "invalid_state"])
    }
    expect((await node.api("DELETE", `${base}/never?force=true`)).status).toBe(200)
    await gone("never")
  })
})

describe("a list of services", () => {
  it("has for an administrator all or its own, for an owner its own, by status where that is asked", async () => {
    expect((await node.api("POST", base, { service_name: "mine", image })).status).toBe(201)
    await running("mine")
    const names = async (token: string, query = "") => {
      const { body } = await as<{ services: { service_name: string }[]; total: number }>(
        token,
        "GET",
        `${base}${query}`,
      )
      expect(body.total).toBe(body.services.length)
      return body.services.map(({ service_name }) => service_name)
    }
    expect(await names(node.adminToken)).toEqual(["mine", "web"])
    expect(await names(node.adminToken, "?owned_only=true")).toEqual(["mine"])
    for (const query of ["", "?owned_only=true", "?owned_only=false"])
      expect(await names(alice, query)).toEqual(["web"])
    expect(await names(node.adminToken, "?status=running")).toEqual(["mine", "web"])
    expect(await names(node.adminToken, "?status=stopped")).toEqual([])
  })
})

describe("a service that goes", () => {
  it("takes the proxy along that was made for it, on request not even that, and never another", async () => {
    const proxied = await as(alice, "POST", `${base}/web/proxy`, { hostname: "own.test" })
    expect(proxied.status).toBe(201)
    const other = { hostname: "other.test", target_url: "service://web", enable_https: false }
    expect((await as(alice, "POST", "/api/v1/proxy/targets", other)).status).toBe(201)
    const deleted = await as<{ deleted_proxy: string | null }>(alice, "DELETE", `${base}/web?force=true`)
    expect([deleted.status, deleted.body.deleted_proxy]).toEqual([200, "own.test"])
    const proxies = async () =>
      (await node.api<{ targets: { hostname: string }[] }>("GET", "/api/v1/proxy/targets")).body.targets
        .map(({ hostname }) => hostname)
        .sort()
    expect(await proxies()).toEqual(["other.test"])

    expect((await node.api("POST", `${base}/mine/proxy`, { hostname: "kept.test" })).status).toBe(201)
    const kept = await node.api<{ deleted_proxy: string | null }>(
      "DELETE",
      `${base}/mine?force=true&delete_proxy=false`,
    )
    expect([kept.status, kept.body.deleted_proxy]).toEqual([200, null])
    for (const name of ["web", "mine"]) await gone(name)
    expect(await proxies()).toEqual(["kept.test", "other.test"])
    expect(await engine.docker("ps", "-aq")).toBe("")
  })
})

describe("an engine that is away", () => {
  it("is what questions about a container are answered with", async () => {
    expect((await node.api("POST", base, { service_name: "last", image })).status).toBe(201)
    await running("last")
    await engine.kill()
    for (const what of ["logs", "logs?follow=true", "stats"]) {
      const answer = await node.api<Problem>("GET", `${base}/last/${what}`)
      expect([answer.status, answer.body.code, answer.headers.get("retry-after")], what).toEqual([
        503,
        "docker_unavailable",
        "5",
      ])
    }
    await engine.restart()
  })
})
