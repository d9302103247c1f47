import { setTimeout as delay } from "node:timers/promises"
import { eventually } from "../support/gatehouse.ts"
import { describe, expect, it, vi } from "vitest"
import { servicesNode, base, engine, node, alice, shared, type Service, as, running } from "./services-node.ts"
import { forbiddenOptions } from "../../src/api/service-options.ts"

vi.setConfig({ testTimeout: 60_000, hookTimeout: 120_000 })

servicesNode()

describe("what nobody may have", () => {
  const pascal = (name: string) => name.replaceAll(/(?:^|_)(\w)/g, (_, letter: string) => letter.toUpperCase())
  const spellings = forbiddenOptions.flatMap((name) => [name, pascal(name), name.replaceAll("_", "-").toUpperCase()])
  const refusals: readonly Record<string, unknown>[] = [
    ...spellings.map((name, at) => ({ [name]: at % 2 === 0 ? true : null })),
    { network: "host" },
    { network: " HOST" },
    { network: "none" },
    { network: "container:redis" },
    { network: "not-on-the-list" },
    { volumes: ["/var/run/docker.sock:/var/run/docker.sock"] },
    { volumes: { "/var/run/docker.sock": "/docker.sock" } },
    { volumes: { "../etc": "/etc" } },
    { volumes: { "c:": "/c" } },
    { labels: { "gatehouse.installation": "another" } },
    { labels: { "com.docker.compose.project": "x" } },
  ]

  it("no forbidden option under any spelling, whoever asks, on creation or later", async () => {
    const kept = { service_name: "kept", image: "gatehouse/test-web:1" }
    expect((await as(alice, "POST", base, kept)).status).toBe(201)
    expect(refusals.length).toBeGreaterThan(150)
    for (const option of refusals)
      for (const token of [shared.ADMIN_TOKEN, alice])
        for (const [method, path, body] of [
          ["POST", base, { ...kept, service_name: "x" }],
          ["PUT", `${base}/kept`, {}],
        ] as const) {
          const ask = () => as<{ code: string }>(token, method, path, { ...body, ...option })
          let answer = await ask()
          // These are more calls than the API takes in a minute: it says how long to wait.
          for (; answer.status === 429; answer = await ask())
            await delay(Number(answer.headers.get("retry-after")) * 1000)
          expect([answer.status, answer.body.code], JSON.stringify(option)).toEqual([422, "forbidden_option"])
        }
    const { body } = await as<{ services: { service_name: string }[] }>(alice, "GET", base)
    expect(body.services.map(({ service_name }) => service_name)).toEqual(["kept"])
    await as(alice, "DELETE", `${base}/kept?force=true`)
    await eventually("it is gone", async () => (await as(alice, "GET", `${base}/kept`)).status === 404, 20_000)
  })

  it("an owner gets no image that is not on the list, and sees nothing of others", async () => {
    const refused = await as<{ code: string }>(alice, "POST", base, { service_name: "x", image: "redis:7" })
    expect([refused.status, refused.body.code]).toEqual([403, "image_not_allowed"])
    expect((await node.api("POST", base, { service_name: "admins", image: "gatehouse/test-web:1" })).status).toBe(201)
    for (const [method, path] of [
      ["GET", ""],
      ["GET", "/logs"],
      ["GET", "/stats"],
      ["POST", "/stop"],
      ["DELETE", "?force=true"],
    ] as const)
      expect((await as(alice, method, `${base}/admins${path}`)).status).toBe(403)
    expect((await as<{ total: number }>(alice, "GET", base)).body.total).toBe(0)
    expect((await as(alice, "POST", `${base}/cleanup`)).status).toBe(403)
  })
})

describe("an engine that is away", () => {
  it("leaves the rest of Gatehouse alone, and its services come back", async () => {
    await running("admins")
    await engine.kill()
    const started = performance.now()
    const [logs, cleanup] = [
      await node.api<{ code: string }>("GET", `${base}/admins/logs`),
      await node.api("POST", `${base}/cleanup`),
    ]
    expect([logs.status, logs.body.code, cleanup.status]).toEqual([503, "docker_unavailable", 503])
    expect(performance.now() - started).toBeLessThan(2000)
    expect((await node.api("POST", base, { service_name: "later", image: "gatehouse/test-web:1" })).status).toBe(201)
    const health = await node.api<{ status: string; checks: { docker: { status: string } } }>("GET", "/health")
    expect([health.status, health.body.checks.docker.status]).toEqual([200, "degraded"])
    await engine.restart()
    for (const name of ["later", "admins"])
      await eventually(
        `${name} runs`,
        async () => (await node.api<Service>("GET", `${base}/${name}`)).body.status === "running",
        30_000,
      )
    const cleaned = await node.api<{ orphaned_containers: unknown[] }>("POST", `${base}/cleanup`)
    expect(cleaned.body.orphaned_containers).toEqual([])
  })
})
