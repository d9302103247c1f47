import { describe, expect, it } from "vitest"
import { decider } from "../support/decider.ts"
import { find } from "../../src/events/world.ts"

const webhook = { name: "a", webhook_id: "0193a8a0-0000-7000-8000-000000000000", secret_ref: "sec-a" }
const uses = (url: string) =>
  [
    ["CreateProxy", { hostname: "a.test", target_url: url }],
    ["RegisterInstance", { name: "a", target_url: url }],
    ["CreateRoute", { route_id: "a", path_pattern: "/a", target_type: "url", target_value: url }],
    ["CreateWebhook", { ...webhook, url }],
  ] as const

describe("an address that readers could take for another one", () => {
  const odd = [
    "ht\ttp://10.0.0.1",
    "http://10.0\t.0.1",
    "http://10.0.0.1/a\nb",
    "http://10.0.0.1\\@b.test",
    "http://10.0.0.1/a b",
  ]

  it.each(odd)("%j is no target of a proxy, an instance, a route or a webhook", (url) => {
    const { when } = decider()
    for (const [type, data] of uses(url)) expect(when(type, data).refused, type).toBe("validation_failed")
  })

  it("what stands around an address is not recorded", () => {
    const { when, world } = decider()
    for (const [type, data] of uses(" http://10.0.0.1\r\n")) expect(when(type, data).refused, type).toBeUndefined()
    expect([
      find(world, "proxy", "a.test")?.target_url,
      find(world, "instance", "a")?.target_url,
      find(world, "route", "a")?.target_value,
      find(world, "webhook", "a")?.url,
    ]).toEqual(Array.from({ length: 4 }, () => "http://10.0.0.1"))
  })
})

it.each(["/a/../b", "/..", "/.", "/a/./b", "/%2e%2e/b", "/a/.%2E", "/a/..?x"])(
  "%s is no path of a resource",
  (path) => {
    const { given, when } = decider()
    given(["CreateProxy", { hostname: "a.test", target_url: "http://10.0.0.1" }])
    const register = (uri: string) => when("RegisterResource", { uri, name: "a", proxy_target: "a.test" }).refused
    expect(register(`https://a.test${path}`)).toBe("validation_failed")
    expect(register("https://a.test/a..b/...")).toBeUndefined()
  },
)
