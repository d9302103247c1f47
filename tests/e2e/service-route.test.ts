import { afterAll, beforeAll, expect, it } from "vitest"
import { alice, as, base, node, running, servicesNode } from "./services-node.ts"
import { type Recorder, recorder } from "../support/recorder.ts"
import { eventually } from "../support/gatehouse.ts"
import { rawExchange } from "../support/raw-client.ts"

servicesNode()

let main: Recorder
beforeAll(async () => {
  main = await recorder()
})
afterAll(() => main?.close())

const ask = (path: string, host = "app.test") =>
  rawExchange(node.httpPort, `GET ${path} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`)
const route = { route_id: "to-web", path_pattern: "/web", target_type: "service", target_value: "web" }

it("a route leads to the container of a service, and follows it through update, stop, start and end", async () => {
  const target_url = `http://127.0.0.1:${main.port}`
  for (const [hostname, owner] of [
    ["app.test", "alice"],
    ["other.test", "admin"],
  ] as const) {
    const proxy = { hostname, target_url, enable_https: false, owner }
    expect((await node.api("POST", "/api/v1/proxy/targets", proxy)).status).toBe(201)
  }
  const made = await as(alice, "POST", base, { service_name: "web", image: "gatehouse/test-web:1" })
  expect(made.status, JSON.stringify(made.body)).toBe(201)
  await running("web")
  const created = await as(alice, "POST", "/api/v1/routes", { ...route, path_pattern: "/cgi-bin" })
  expect([created.status, created.body]).toMatchObject([201, { target_type: "service", target_value: "web" }])
  expect(await ask("/cgi-bin/env")).toContain("REQUEST_METHOD=GET")
  expect(main.requests).toHaveLength(0)

  const before = (await running("web")).allocated_port
  expect((await as(alice, "PUT", `${base}/web`, { environment: { MORE: "x" } })).status).toBe(200)
  expect((await running("web")).allocated_port).not.toBe(before)
  await eventually("the new container", async () => (await ask("/cgi-bin/env")).includes("MORE=x"))

  expect((await as(alice, "POST", `${base}/web/stop?wait=true`)).status).toBe(200)
  expect(await ask("/cgi-bin/env")).toMatch(/^HTTP\/1\.1 503 /)
  expect((await as(alice, "POST", `${base}/web/start?wait=true`)).status).toBe(200)
  expect(await ask("/cgi-bin/env")).toContain("MORE=x")

  // Beside the route is the proxy's own target: a loopback address, which is open to services of owners and to nothing else.
  expect(await ask("/other")).toMatch(/^HTTP\/1\.1 502 /)
  expect(await ask("/cgi-bin/env", "other.test")).toMatch(/^HTTP\/1\.1 200 /)
  expect(main.requests.map(({ line }) => line)).toEqual(["GET /cgi-bin/env HTTP/1.1"])

  expect((await as(alice, "POST", `${base}/web/stop?wait=true`)).status).toBe(200)
  expect((await as(alice, "DELETE", `${base}/web`)).status).toBe(200)
  expect(await ask("/cgi-bin/env")).toMatch(/^HTTP\/1\.1 50[23] /)
  // Somebody else takes the name: the route that was left behind does not lead there.
  await eventually("the name is free", async () => (await node.api("GET", `${base}/web`)).status === 404)
  expect((await node.api("POST", base, { service_name: "web", image: "gatehouse/test-web:2" })).status).toBe(201)
  await running("web")
  expect(await ask("/cgi-bin/env")).toMatch(/^HTTP\/1\.1 502 /)
  expect((await as(alice, "DELETE", "/api/v1/routes/to-web")).status).toBe(204)
  expect(await ask("/cgi-bin/env")).toMatch(/^HTTP\/1\.1 502 /)
})

it("a route to a service that is not there, or somebody else's, is refused", async () => {
  expect((await node.api("POST", base, { service_name: "hers", image: "gatehouse/test-web:1" })).status).toBe(201)
  for (const target_value of ["none", "hers", "../web"]) {
    const { status, body: problem } = await as<{ code: string }>(alice, "POST", "/api/v1/routes", {
      ...route,
      route_id: "other",
      target_value,
    })
    expect([status, problem.code], target_value).toEqual([422, "validation_failed"])
  }
})
