import { system } from "../support/decider.ts"
import { describe, expect, test } from "vitest"
import { find } from "../../src/events/world.ts"
import { alice, request, create, setup } from "./service-commands.ts"

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
