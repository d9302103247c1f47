import { setTimeout as delay } from "node:timers/promises"
import { describe, expect, it, vi } from "vitest"
import { alice, as, base, servicesNode, shared } from "./services-node.ts"
import { eventually } from "../support/gatehouse.ts"
import { forbiddenOptions } from "../../src/api/service-options.ts"

vi.setConfig({ testTimeout: 60_000, hookTimeout: 120_000 })

// A node of its own: the calls use up what the API allows in a minute.
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
})
