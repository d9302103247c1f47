import { admin } from "../support/decider.ts"
import { alice, request, setup } from "./service-commands.ts"
import { describe, expect, test } from "vitest"
import { find } from "../../src/events/world.ts"

const asked = (more: object, actor: typeof alice | typeof admin = admin) =>
  setup().when("CreateService", request("x", more), actor).refused

const limits: readonly [field: string, good: readonly unknown[], bad: readonly unknown[]][] = [
  ["memory_limit", ["16m", "64g", "512M", "16777216", "1048576k"], ["15m", "65g", "16777215b", "1.5g", "lots", "", -1]],
  ["cpu_limit", [0.01, 1, 32], [0, -1, 32.01, "1"]],
  ["pids_limit", [16, 4096], [15, 4097, 20.5]],
  ["internal_port", [1, 65_535], [0, 65_536, 80.5]],
  ["external_port", [1024, 65_535], [1023, 65_536, 0]],
  ["restart_policy", ["no", "on-failure", "always", "unless-stopped"], ["never", ""]],
  ["bind_address", ["127.0.0.1", "::1", "0.0.0.0"], ["localhost", "127.1", "300.0.0.1", ""]],
  ["user", ["1000", "1000:1000", "node"], ["-u", "a:b:c", "root;id", ""]],
  ["command", [["a"], ["sh", "-c", "x"]], [[], ["a\0b"], "sh -c x"]],
  ["labels", [{ team: "a" }], [{ "Team!": "a" }]],
  ["volumes", [{ data: "/data" }], [{ data: "data" }, { data: "/sys" }, { data: "/a:b" }, { data: "/a/../b" }]],
  [
    "healthcheck",
    [{ command: ["true"] }, { command: ["a"], interval: 1, timeout: 3600, retries: 100 }],
    [
      { command: [] },
      { command: ["a"], interval: 0 },
      { command: ["a"], retries: 101 },
      { command: ["a"], shell: true },
    ],
  ],
]

describe("a field of a service", () => {
  test.each(limits)("%s takes what lies inside its limits, and nothing beyond", (field, good, bad) => {
    for (const value of good) expect(asked({ [field]: value }), JSON.stringify(value)).toBeUndefined()
    for (const value of bad) expect(asked({ [field]: value }), JSON.stringify(value)).toBe("validation_failed")
  })

  test("may be left to the image, also later", () => {
    const { given, when, world } = setup()
    given([
      "CreateService",
      request("x", { command: ["a"], user: "node", internal_port: 9000, healthcheck: { command: ["a"] } }),
    ])
    const cleared = { command: null, user: null, internal_port: null, healthcheck: null }
    expect(when("UpdateService", { service_name: "x", changes: cleared }).refused).toBeUndefined()
    given(["UpdateService", { service_name: "x", changes: cleared }])
    expect(find(world, "service", "x")).toMatchObject({ ...cleared, revision: 2 })
  })

  test("publishes beyond this machine for an administrator alone", () => {
    for (const bind_address of ["127.0.0.1", "127.8.8.8", "::1"])
      expect(asked({ bind_address }, alice), bind_address).toBeUndefined()
    for (const bind_address of ["0.0.0.0", "::", "192.168.0.1"])
      expect(asked({ bind_address }, alice), bind_address).toBe("admin_required")
  })
})
