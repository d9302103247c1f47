import { eventually } from "../support/gatehouse.ts"
import { describe, expect, it } from "vitest"
import { agent } from "../support/browser.ts"
import { fetch } from "undici"
import { randomBytes } from "node:crypto"
import { servicesNode, base, engine, node, alice, type Service, as, running } from "./services-node.ts"

servicesNode()

let roots: string[] = []
let dispatcher: ReturnType<typeof agent>
const get = (path = "/") => fetch(`https://web.services.test:${node.httpsPort}${path}`, { dispatcher })

describe("from an image to a page over HTTPS", () => {
  it("an owner runs an image that is allowed", async () => {
    const secret = randomBytes(12).toString("hex")
    const created = await as<{ service: Service; instance_registered: boolean }>(alice, "POST", base, {
      service_name: "web",
      image: "gatehouse/test-web:1",
      environment: { SECRET: secret },
    })
    expect(created.status, JSON.stringify(created.body)).toBe(201)
    expect(created.headers.get("location")).toBe(`${base}/web`)
    expect(created.body).toMatchObject({
      instance_registered: true,
      service: { status: "pending", environment: ["SECRET"], owner: "alice" },
    })
    await running("web")
    const proxy = await as<{ proxy_target: { hostname: string; service: string } }>(
      alice,
      "POST",
      `${base}/web/proxy`,
      { enable_https: true },
    )
    expect(proxy.status, JSON.stringify(proxy.body)).toBe(201)
    expect(proxy.body.proxy_target).toMatchObject({ hostname: "web.services.test", service: "web" })
    await node.api("GET", "/api/v1/certificates/proxy-web-services-test/status?wait=true&timeout=30")
    const { body } = await node.api<{ fullchain_pem: string }>("GET", "/api/v1/certificates/proxy-web-services-test")
    roots = [body.fullchain_pem.slice(body.fullchain_pem.lastIndexOf("-----BEGIN"))]
    dispatcher = agent(roots)
    const page = await eventually("the page", async () => {
      const answer = await get()
      return answer.status === 200 && answer.text()
    })
    expect(page).toBe("one")
    expect(await (await get("/cgi-bin/env")).text()).toContain(`SECRET=${secret}`)
    const everything = await node.api<{ events: unknown[] }>("GET", "/api/v1/events?per_page=100")
    expect(JSON.stringify([everything.body, (await node.api("GET", `${base}/web`)).body, node.log()])).not.toContain(
      secret,
    )
  })

  it("an update under load loses no request, and ends at the new container", async () => {
    const seen = { one: 0, two: 0, sent: 0 }
    let wrong = ""
    const over = new AbortController()
    const load = async (path: string) => {
      while (!over.signal.aborted) {
        seen.sent += 1
        const answer = await get(path)
        const text = (await answer.text()).trim()
        if (answer.status !== 200 || (text !== "one" && text !== "two")) wrong = `${answer.status} ${text}`
        else seen[text] += 1
      }
    }
    const clients = [load("/"), load("/"), load("/"), load("/cgi-bin/slow"), load("/cgi-bin/slow")]
    await eventually("some traffic", async () => seen.one > 50)
    const before = (await node.api<Service>("GET", `${base}/web`)).body.container_id
    const updated = await as<Service>(alice, "PUT", `${base}/web`, {
      image: "gatehouse/test-web:2",
      environment: { SECRET: null, MORE: "x" },
    })
    expect([updated.status, updated.body.status]).toEqual([200, "updating"])
    await running("web")
    await eventually(
      "the old container is gone",
      async () => !(await engine.docker("ps", "-aq", "--no-trunc")).includes(before),
      20_000,
    )
    await eventually("traffic at the new one", async () => seen.two > 50)
    over.abort()
    await Promise.all(clients)
    expect(wrong).toBe("")
    expect(seen.one + seen.two).toBe(seen.sent)
    expect(await (await get("/cgi-bin/env")).text()).toMatch(/MORE=x/)
  })

  it("logs and stats come through the API, the log also as a stream", async () => {
    const logs = await as<{ logs: string[]; lines: number }>(alice, "GET", `${base}/web/logs?lines=5`)
    expect(logs.body.lines).toBe(5)
    expect(logs.body.logs.join("\n")).toContain("response:200")
    const stats = await as<{ memory_usage: number; pids: number }>(alice, "GET", `${base}/web/stats`)
    expect(stats.body.memory_usage).toBeGreaterThan(0)
    expect(stats.body.pids).toBeGreaterThan(0)
    const ended = new AbortController()
    const stream = await fetch(`http://127.0.0.1:${node.apiPort}${base}/web/logs?follow=true&lines=1`, {
      headers: { authorization: `Bearer ${alice}` },
      signal: ended.signal,
    })
    expect(stream.headers.get("content-type")).toBe("text/event-stream")
    let text = ""
    for await (const chunk of stream.body!) {
      text += Buffer.from(chunk as Uint8Array).toString()
      if (/^data: .*response:404/m.test(text)) break
      if (text.includes("data: ")) await get("/followed")
    }
    ended.abort()
    for (const path of ["logs", "stats"]) expect((await node.api("GET", `${base}/nothing/${path}`)).status).toBe(404)
  })

  it("one that is stopped answers 503, and 200 again after its start; deleting it takes the proxy along", async () => {
    expect((await as(alice, "DELETE", `${base}/web`)).status).toBe(409)
    const stopped = await as<{ status: string }>(alice, "POST", `${base}/web/stop?wait=true&timeout=8`)
    expect([stopped.status, stopped.body.status]).toEqual([200, "stopped"])
    const answer = await get()
    expect([answer.status, answer.headers.get("retry-after")]).toEqual([503, "10"])
    const started = await as<{ status: string }>(alice, "POST", `${base}/web/start?wait=true`)
    expect([started.status, started.body.status]).toEqual([200, "running"])
    expect((await as(alice, "POST", `${base}/web/start`)).status).toBe(200)
    expect((await get()).status).toBe(200)
    const followed = await fetch(`http://127.0.0.1:${node.apiPort}${base}/web/logs?follow=true&lines=1`, {
      headers: { authorization: `Bearer ${alice}` },
    })
    expect((await node.api("DELETE", "/api/v1/tokens/alice?reassign_to=admin")).status).toBe(200)
    // Its reader may read no more: the answer ends, and is whole.
    await followed.text()
    expect((await as(alice, "GET", `${base}/web/logs`)).status).toBe(401)
    const deleted = await node.api<{ deleted_proxy: string }>("DELETE", `${base}/web?force=true`)
    expect(deleted.body.deleted_proxy).toBe("web.services.test")
    await eventually("it is gone", async () => (await node.api("GET", `${base}/web`)).status === 404)
    expect((await node.api("GET", "/api/v1/proxy/targets/web.services.test")).status).toBe(404)
    expect((await node.api("GET", "/api/v1/instances/docker-web")).status).toBe(404)
  })
})
