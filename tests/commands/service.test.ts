import { admin, decider, owner, system, token } from "../support/decider.ts"
import { describe, expect, test } from "vitest"
import { find } from "../../src/events/world.ts"
import { imageAllowed } from "../../src/commands/service-image.ts"

const services = {
  images: ["nginx", "ghcr.io/acme/*"],
  firstPort: 11_000,
  lastPort: 11_002,
  networks: ["proxy_network"],
  baseDomain: "example.com",
}
const alice = owner("alice")
const request = (service_name: string, more: object = {}) => ({
  service_name,
  image: "nginx",
  environment: [],
  ...more,
})
const create = (
  service_name: string,
  more: object = {},
  actor: typeof alice | typeof admin = admin,
): [string, unknown, typeof actor] => ["CreateService", request(service_name, more), actor]
const setup = () => {
  const tools = decider({ services })
  tools.given(token("alice"), token("bob"))
  return tools
}
const container = (port: number | null, revision = 1, container_id = `c${revision}`) => ({
  container_id,
  revision,
  port,
  address: "127.0.0.1",
  internal_port: 8080,
})
const started = (
  service_name: string,
  request: number,
  port: number | null,
  revision = 1,
): [string, unknown, typeof system] => [
  "RecordServiceStarted",
  { service_name, request, ...container(port, revision), health: "none" },
  system,
]

describe("a new service", () => {
  test("gets a port, and a name in the registry of instances", () => {
    const { when, world } = setup()
    const { events, decided } = when("CreateService", request("web"))
    expect(events).toEqual(["ServiceCreated", "InstanceRegistered"])
    expect(decided?.result).toEqual({ proxy_created: null, instance_registered: true })
    expect(find(world, "service", "web")).toMatchObject({
      status: "pending",
      desired_state: "running",
      ports: [11_000],
      network: "proxy_network",
      memory_limit: "512m",
    })
    expect(find(world, "instance", "docker-web")).toMatchObject({ target_url: "service://web", owner: "admin" })
  })

  test("never gets a port that another holds, also while that one is being removed", () => {
    const { given, when, world } = setup()
    given(create("a"), create("b"), ["DeleteService", { service_name: "a" }])
    given(create("c"))
    expect(find(world, "service", "c")?.ports).toEqual([11_002])
    expect(when("CreateService", request("d")).refused).toBe("port_in_use")
    given(["RecordServiceRemoved", { service_name: "a", request: 2 }, system])
    given(create("d"))
    expect(find(world, "service", "d")?.ports).toEqual([11_000])
    expect(when("CreateService", request("e", { external_port: 11_001 })).refused).toBe("port_in_use")
    expect(when("CreateService", request("e", { external_port: 9000 })).refused).toBe("port_in_use")
    expect(when("CreateService", request("e", { external_port: 80 })).refused).toBe("validation_failed")
  })

  test("of an owner runs only an image of the list, on this machine alone", () => {
    const { when } = setup()
    expect(when("CreateService", request("a"), alice).refused).toBeUndefined()
    expect(when("CreateService", request("b", { image: "redis" }), alice).refused).toBe("image_not_allowed")
    expect(when("CreateService", request("b", { image: null, dockerfile_path: "Dockerfile" }), alice).refused).toBe(
      "admin_required",
    )
    expect(when("CreateService", request("b", { bind_address: "0.0.0.0" }), alice).refused).toBe("admin_required")
    expect(when("CreateService", request("b", { owner: "bob" }), alice).refused).toBe("admin_required")
  })

  test.each([
    ["no image and no Dockerfile", { image: null }, "validation_failed"],
    ["both of them", { dockerfile_path: "Dockerfile" }, "validation_failed"],
    ["what is no image", { image: "Nginx; rm" }, "validation_failed"],
    ["a path that leads out", { image: null, dockerfile_path: "../Dockerfile" }, "validation_failed"],
    ["an absolute path", { image: null, dockerfile_path: "/etc/passwd" }, "validation_failed"],
    ["a path that looks like an option", { image: null, dockerfile_path: "-f" }, "validation_failed"],
    ["the host's network", { network: "host" }, "forbidden_option"],
    ["a network that is not on the list", { network: "bridge" }, "forbidden_option"],
    ["a label of our own", { labels: { "gatehouse.service": "other" } }, "forbidden_option"],
    ["a path of the host as a volume", { volumes: { "/etc": "/etc" } }, "validation_failed"],
    ["a volume over /proc", { volumes: { data: "/proc/1" } }, "validation_failed"],
    ["two volumes at one place", { volumes: { a: "/data", b: "/data/" } }, "validation_failed"],
    ["too little memory", { memory_limit: "1m" }, "validation_failed"],
    ["too many CPUs", { cpu_limit: 33 }, "validation_failed"],
    [
      "a variable twice",
      {
        environment: [
          { name: "A", value_ref: "x" },
          { name: "A", value_ref: "y" },
        ],
      },
      "validation_failed",
    ],
    ["an unknown option", { privileged: true }, "validation_failed"],
    ["a reserved name", { service_name: "cleanup" }, "reserved_name"],
  ])("is refused with %s", (_, more, refused) => {
    expect(setup().when("CreateService", request("x", more)).refused).toBe(refused)
  })

  test("may come with a proxy that goes with it", () => {
    const { given, world } = setup()
    given(create("my_app", { auto_proxy: true }, alice))
    expect(find(world, "proxy", "my-app.example.com")).toMatchObject({
      target_url: "service://my_app",
      owner: "alice",
      service: "my_app",
      enable_https: false,
    })
    given(["DeleteService", { service_name: "my_app" }, alice])
    expect([...world.objects.proxy.keys(), ...world.objects.instance.keys()]).toEqual([])
  })
})

describe("images that owners may run", () => {
  const digest = `sha256:${"a".repeat(64)}`
  test.each([
    ["nginx", ["nginx"], true],
    ["docker.io/library/nginx:1.27", ["nginx"], true],
    ["nginx:1.27", ["nginx:1.27"], true],
    ["nginx", ["nginx:latest"], true],
    ["nginx:1.26", ["nginx:1.27"], false],
    [`nginx:1.27@${digest}`, ["nginx:1.27"], false],
    [`nginx@${digest}`, [`nginx@${digest}`], true],
    ["evil/nginx", ["nginx"], false],
    ["registry.evil/nginx", ["nginx"], false],
    ["ghcr.io/acme/tool:2", ["ghcr.io/acme/*"], true],
    ["ghcr.io/acme-evil/tool", ["ghcr.io/acme/*"], false],
    ["ghcr.io/acme", ["ghcr.io/acme/*"], false],
    ["acme/tool", ["acme/*"], true],
    ["nginx", [], false],
    ["nginx", ["*"], false],
  ])("%s of %j: %s", (image, allowed, answer) => {
    expect(imageAllowed(image, allowed)).toBe(answer)
  })
})

describe("what is asked of a service", () => {
  test("an update is the next revision; nothing changed is no event", () => {
    const { given, when, world } = setup()
    given(create("web"), started("web", 1, 11_000))
    expect(when("UpdateService", { service_name: "web", changes: { image: "nginx" } }).events).toEqual([])
    given(["UpdateService", { service_name: "web", changes: { memory_limit: "1g" } }])
    expect(find(world, "service", "web")).toMatchObject({ revision: 2, status: "updating", serving: { revision: 1 } })
  })

  test("values of the environment are kept by name, and the vault forgets those that nothing names any more", () => {
    const { given, when, world } = setup()
    given(
      create("web", {
        environment: [
          { name: "A", value_ref: "env-a" },
          { name: "B", value_ref: "env-b" },
        ],
      }),
    )
    const changed = when("UpdateService", {
      service_name: "web",
      changes: {},
      environment: [
        { name: "A", value_ref: null },
        { name: "C_ref", value_ref: "env-c" },
      ],
    })
    expect(find(world, "service", "web")?.environment).toEqual([
      { name: "A", value_ref: "env-a" },
      { name: "C_ref", value_ref: "env-c" },
    ])
    expect(changed.decided).toMatchObject({ unlink: ["env-b"] })
    expect(
      when("UpdateService", { service_name: "web", changes: {}, environment: [{ name: "B", value_ref: null }] })
        .refused,
    ).toBe("validation_failed")
  })

  test("names that people choose are never taken for entries of the vault", () => {
    const { given, when } = setup()
    given(
      create("web", { labels: { victim_ref: "token-of-somebody" }, environment: [{ name: "A", value_ref: "env-a" }] }),
    )
    expect(when("UpdateService", { service_name: "web", changes: { labels: {} } }).decided).toMatchObject({
      unlink: [],
    })
  })

  test("an owner cannot put another command into an image that only an administrator may run", () => {
    const { given, when } = setup()
    given(create("web", { image: "redis", owner: "alice" }))
    expect(when("UpdateService", { service_name: "web", changes: { command: ["sh"] } }, alice).refused).toBe(
      "image_not_allowed",
    )
    expect(when("StopService", { service_name: "web" }, alice).refused).toBeUndefined()
    expect(when("StopService", { service_name: "web" }, owner("bob")).refused).toBe("not_owner")
  })

  test("start, stop and restart are events only where they change something", () => {
    const { given, when, world } = setup()
    given(create("web"))
    expect(when("StartService", { service_name: "web" }).decided?.result).toEqual({ changed: false })
    expect(when("StopService", { service_name: "web" }).events).toEqual(["ServiceStopRequested"])
    expect(when("StopService", { service_name: "web" }).events).toEqual([])
    expect(when("RestartService", { service_name: "web" }).events).toEqual(["ServiceRestartRequested"])
    expect(find(world, "service", "web")).toMatchObject({ desired_state: "running", status: "restarting", request: 3 })
  })

  test("one that runs is deleted only with force, and can then not be touched any more", () => {
    const { given, when, world } = setup()
    given(create("web"), started("web", 1, 11_000))
    expect(when("DeleteService", { service_name: "web" }).refused).toBe("invalid_state")
    given(["DeleteService", { service_name: "web", force: true }])
    expect(find(world, "service", "web")).toMatchObject({ status: "removing", serving: null })
    expect(when("StartService", { service_name: "web" }).refused).toBe("invalid_state")
    expect(when("CreateService", request("web")).refused).toBe("already_exists")
  })
})

describe("reports", () => {
  test("about an earlier request come too late", () => {
    const { given, when } = setup()
    given(create("web"), ["UpdateService", { service_name: "web", changes: { memory_limit: "1g" } }])
    expect(when(...started("web", 1, 11_000)).refused).toBe("invalid_state")
    expect(when(...started("web", 2, 11_000, 2)).refused).toBeUndefined()
    expect(when("RecordServiceStopped", { service_name: "web", request: 2 }, system).refused).toBe("invalid_state")
    expect(
      when("RecordServiceStarted", { service_name: "web", request: 2, ...container(11_000), health: "none" }, alice)
        .refused,
    ).toBe("admin_required")
  })

  test("an update that fails leaves what was there", () => {
    const { given, world } = setup()
    given(create("web"), started("web", 1, 11_000), [
      "UpdateService",
      { service_name: "web", changes: { image: "nginx:broken" } },
    ])
    given([
      "RecordServiceFailure",
      { service_name: "web", request: 2, code: "docker_refused", detail: "x", next_attempt_at: null },
      system,
    ])
    expect(find(world, "service", "web")).toMatchObject({
      status: "running",
      failed_revision: 2,
      serving: { revision: 1 },
      last_error: { detail: "x" },
    })
  })

  test("a second port is reserved for an update, once, and the first goes back afterwards", () => {
    const { given, when, world } = setup()
    given(create("web"), started("web", 1, 11_000), [
      "UpdateService",
      { service_name: "web", changes: { memory_limit: "1g" } },
    ])
    const reserve = { service_name: "web", request: 2, avoid: [11_000] }
    expect(when("ReserveServicePort", reserve, system)).toMatchObject({
      events: ["ServicePortReserved"],
      decided: { result: { port: 11_001 } },
    })
    expect(when("ReserveServicePort", reserve, system)).toMatchObject({
      events: [],
      decided: { result: { port: 11_001 } },
    })
    given(started("web", 2, 11_001, 2), [
      "ReleaseServicePorts",
      { service_name: "web", request: 2, keep: [11_001] },
      system,
    ])
    expect(find(world, "service", "web")?.ports).toEqual([11_001])
  })

  test("an engine that is away makes every state unknown but that of what is being removed", () => {
    const { given, when, world } = setup()
    given(create("web"), started("web", 1, 11_000), ["RecordServiceLost", { service_name: "web" }, system])
    expect(find(world, "service", "web")).toMatchObject({ status: "unknown", serving: { port: 11_000 } })
    given(["DeleteService", { service_name: "web", force: true }])
    expect(when("RecordServiceLost", { service_name: "web" }, system).events).toEqual([])
  })
})

describe("a token's services", () => {
  test("go with it, or change hands with their names in the registry", () => {
    const { given, when, world } = setup()
    given(create("a", {}, alice), create("b", { auto_proxy: true }, alice))
    const dry = when("DeleteToken", { name: "alice", dry_run: true })
    expect(dry.decided?.result).toMatchObject({
      deleted_resources: { services: ["a", "b"], instances: ["docker-a", "docker-b"], proxies: ["b.example.com"] },
    })
    expect(when("DeleteToken", { name: "alice", cascade: false }).refused).toBe("owns_resources")
    given(["DeleteToken", { name: "alice", reassign_to: "bob" }])
    expect(find(world, "service", "a")?.owner).toBe("bob")
    given(["DeleteToken", { name: "bob" }])
    expect([...world.objects.service.values()].map(({ state }) => state.desired_state)).toEqual(["removed", "removed"])
    expect([...world.objects.instance.keys(), ...world.objects.proxy.keys()]).toEqual([])
  })
})

describe("targets", () => {
  test("an owner's proxy leads to a service of its own alone", () => {
    const { given, when } = setup()
    given(create("mine", {}, alice), create("admins"))
    const proxy = (hostname: string, name: string, actor: typeof alice | typeof admin) =>
      when("CreateProxy", { hostname, target_url: `service://${name}`, enable_https: false }, actor).refused
    expect(proxy("a.example.org", "mine", alice)).toBeUndefined()
    expect(proxy("b.example.org", "admins", alice)).toBe("validation_failed")
    expect(proxy("b.example.org", "mine", owner("bob"))).toBe("validation_failed")
    expect(proxy("b.example.org", "nothing", admin)).toBe("validation_failed")
    expect(proxy("b.example.org", "mine", admin)).toBeUndefined()
    given(["DeleteService", { service_name: "mine" }, alice])
    expect(proxy("c.example.org", "mine", alice)).toBe("validation_failed")
  })
})
