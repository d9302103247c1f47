import { Agent, fetch } from "undici"
import { afterAll, describe, expect, it } from "vitest"
import { alice, as, base, node, servicesNode, shared } from "./services-node.ts"
import { eventually } from "../support/gatehouse.ts"
import { forbiddenOptions } from "../../src/api/service-options.ts"

// A node of its own, and addresses of this machine that take turns: the calls are more than the API allows one in a minute.
servicesNode()
const callers = Array.from({ length: 4 }, (_, at) => new Agent({ localAddress: `127.0.0.${at + 2}` }))
afterAll(() => Promise.all(callers.map((caller) => caller.close())))
let calls = 0

async function ask(token: string, method: string, path: string, body: object): Promise<[status: number, code: string]> {
  const answer = await fetch(`http://127.0.0.1:${node.apiPort}${path}`, {
    method,
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
    body: JSON.stringify(body),
    dispatcher: callers[(calls += 1) % callers.length]!,
  })
  return [answer.status, ((await answer.json()) as { code: string }).code]
}

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
        ] as const)
          expect(await ask(token, method, path, { ...body, ...option }), JSON.stringify(option)).toEqual([
            422,
            "forbidden_option",
          ])
    const { body } = await as<{ services: { service_name: string }[] }>(alice, "GET", base)
    expect(body.services.map(({ service_name }) => service_name)).toEqual(["kept"])
    await as(alice, "DELETE", `${base}/kept?force=true`)
    await eventually("it is gone", async () => (await as(alice, "GET", `${base}/kept`)).status === 404)
  })
})
