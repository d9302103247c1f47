import { type RunningApi, runningApi } from "../running-api.ts"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { applied, busySystem, exported, target_url } from "./busy-system.ts"

let api: RunningApi
beforeAll(async () => {
  api = await runningApi()
  await busySystem(api)
})
afterAll(() => api.stop())

const other = "http://93.184.216.35"
const code = async (document: unknown, query = "", headers = {}, token?: string | null) => {
  const { status, body } = await api.call("POST", `/api/v1/apply${query}`, document, headers, token)
  return [status, body["code"]]
}

describe("a document written by hand", () => {
  const document = {
    instances: [{ name: "hand", target_url: "backend.example:8080" }],
    certificates: [{ cert_name: "hand", domains: ["hand.internal"] }],
    proxies: [
      { hostname: "hand.internal", target_url: "instance://hand", cert_name: "hand" },
      { hostname: "bare.internal", target_url, enable_https: false, enabled_routes: [], disabled_routes: ["hand"] },
    ],
    routes: [{ route_id: "hand", path_pattern: "/hand", target_type: "hostname", target_value: "hand.internal" }],
    resources: [{ uri: "https://hand.internal/x", name: "x", proxy_target: "hand.internal" }],
    services: [{ service_name: "late", image: "nginx" }],
  }

  test("needs only what has no default, and comes to nothing the second time", async () => {
    const made = await applied(api, document, "?dry_run=false")
    expect([made.errors, made.create.map(({ kind, name }) => `${kind} ${name}`)]).toEqual([
      [],
      [
        "instances hand",
        "certificates hand",
        "proxies hand.internal",
        "proxies bare.internal",
        "routes hand",
        "resources https://hand.internal/x",
        "services late",
      ],
    ])
    const { position } = await api.store.head()
    const again = await applied(api, document, "?dry_run=false")
    expect([again.create, again.update, again.unchanged]).toEqual([[], [], 7])
    expect((await api.store.head()).position).toBe(position)
    expect((await api.call("GET", "/api/v1/instances/hand")).body["target_url"]).toBe("http://backend.example:8080")
  })

  test("changes just what differs, and says what that is; added headers' values are not shown", async () => {
    const custom_headers = { "x-key": "a-credential" }
    const changed = {
      instances: [{ name: "hand", target_url: "backend.example:9090", description: "moved" }],
      proxies: [{ ...document.proxies[0], preserve_host_header: false, custom_headers }, document.proxies[1]],
    }
    const plan = await applied(api, changed)
    expect(plan.update).toEqual([
      {
        kind: "instances",
        name: "hand",
        changes: [
          { field: "target_url", from: "http://backend.example:8080", to: "http://backend.example:9090" },
          { field: "description", from: "", to: "moved" },
        ],
      },
      {
        kind: "proxies",
        name: "hand.internal",
        changes: expect.arrayContaining([
          { field: "preserve_host_header", from: true, to: false },
          { field: "custom_headers", from: {}, to: { "x-key": "***" } },
        ]),
      },
    ])
    expect(JSON.stringify(plan)).not.toContain("a-credential")
    expect([plan.create, plan.delete, plan.unchanged]).toEqual([[], [], 1])
    const { position } = await api.store.head()
    await applied(api, changed, "?dry_run=false")
    const types = (await api.store.read(position, 10)).map(({ type }) => type)
    expect(types).toEqual(["InstanceUpdated", "ProxyUpdated"])
  })

  test("leaves alone what it does not speak of; prune removes it, kind by kind, in the opposite order", async () => {
    const kept = { routes: [], resources: [] }
    expect(await applied(api, kept)).toMatchObject({ delete: [], unchanged: 0 })
    const plan = await applied(api, kept, "?prune=true")
    expect(plan.delete.map(({ kind, name }) => `${kind} ${name}`)).toEqual([
      expect.stringMatching(/^resources https:\/\/a\.internal:8443\/v2\/mcp$/),
      "resources https://b.internal/x",
      "resources https://hand.internal/x",
      "routes glob",
      "routes hand",
      "routes own",
      "routes to-web",
    ])
    const whole = await exported(api)
    const without = { ...whole, services: [], proxies: (whole["proxies"] as { hostname: string }[]).slice(0, 1) }
    const gone = await applied(
      api,
      { ...without, routes: undefined, resources: undefined },
      "?dry_run=false&prune=true",
    )
    expect(gone.errors).toEqual([])
    expect(gone.delete.filter(({ kind }) => kind === "services").map(({ name }) => name)).toEqual([
      "idle",
      "late",
      "web",
    ])
    expect((await exported(api, "?kinds=proxies"))["proxies"]).toHaveLength(1)
    // What Gatehouse keeps for itself is not in the document, and is never pruned.
    expect((await api.call("GET", "/api/v1/tokens/info")).status).toBe(200)
  })
})

describe("what cannot be done", () => {
  test("is all told at once, in the plan; nothing is done then", async () => {
    const { position } = await api.store.head()
    const wrong = {
      tokens: [
        { name: "generate", hash: `sha256:${"1".repeat(64)}` },
        { name: "Alice", hash: `sha256:${"2".repeat(64)}` },
      ],
      instances: [
        { name: "fine", target_url },
        { name: "meta", target_url: "http://169.254.169.254" },
        { name: "orphan", target_url, owner: "nobody" },
      ],
      certificates: [{ cert_name: "Wide", domains: ["other.internal"], owner: "Alice" }],
      proxies: [{ hostname: "localhost", target_url }],
      routes: [{ route_id: "oauth-x", path_pattern: "/x", target_type: "url", target_value: target_url }],
    }
    const refused = await applied(api, wrong, "?dry_run=false")
    expect(refused.errors.map(({ kind, name, code: why }) => `${kind} ${name} ${why}`)).toEqual([
      "tokens generate reserved_name",
      "tokens Alice already_exists",
      "instances meta forbidden_target",
      "instances orphan validation_failed",
      "certificates Wide invalid_state",
      "proxies localhost reserved_name",
      "routes oauth-x reserved_name",
    ])
    expect([refused.create, (await api.store.head()).position]).toEqual([[], position])
  })

  test("is refused as a whole when it is no document", async () => {
    const alice = await api.token("carl")
    const instance = { name: "twice", target_url }
    const answers = [
      await code({ instances: [{ name: "x" }] }),
      await code({ instances: [instance, instance] }),
      await code({ proxies: [{ hostname: "a.internal", target_url, surprise: 1 }] }),
      await code({ format: "gatehouse/9" }),
      await code({ instances: {} }),
      await code([]),
      await code({ secrets: { kdf: "none" } }),
      await code({}, "?dry_run=maybe"),
      await code({}, "", {}, alice),
      await code({}, "", {}, null),
      await code("{"),
      await code(`{"instances":"${"x".repeat(33 * 1024 * 1024)}"}`),
    ]
    expect(answers).toEqual([
      [422, "validation_failed"],
      [422, "validation_failed"],
      [422, "validation_failed"],
      [422, "validation_failed"],
      [422, "validation_failed"],
      [422, "validation_failed"],
      [422, "validation_failed"],
      [422, "validation_failed"],
      [403, "admin_required"],
      [401, "unauthenticated"],
      [400, "invalid_json"],
      [413, "payload_too_large"],
    ])
    expect(await code({})).toEqual([200, undefined])
    expect((await api.call("GET", "/api/v1/export?kinds=clients")).status).toBe(422)
    expect((await api.call("GET", "/api/v1/export", undefined, {}, alice)).status).toBe(403)
  })

  test("a change by somebody else meanwhile ends it, and what was done is told", async () => {
    const names = Array.from({ length: 60 }, (_, index) => `race-${String(index).padStart(2, "0")}`)
    const list = (url: string) => ({ instances: names.map((name) => ({ name, target_url: url })) })
    await applied(api, list(target_url), "?dry_run=false")
    const running = api.call("POST", "/api/v1/apply?dry_run=false", list(other))
    for (;;) {
      const first = await api.call("GET", "/api/v1/instances/race-00")
      if (first.body["target_url"] === other) break
    }
    const mine = await api.call("PUT", "/api/v1/instances/race-59", { description: "mine" })
    expect(mine.status).toBe(200)
    const { status, body } = await running
    expect([status, body["code"]]).toEqual([409, "concurrent_change"])
    expect(body["detail"]).toBe("instances race-59 was changed since the plan was made")
    expect((body["report"] as { done: object[] }).done).toHaveLength(59)
    const left = await api.call("GET", "/api/v1/instances/race-59")
    expect(left.body).toMatchObject({ target_url, description: "mine" })
  })
})
