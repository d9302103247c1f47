import { containerOptions, volumeName } from "../../src/effects/docker-container.ts"
import { describe, expect, test } from "vitest"
import { create, setup } from "../commands/service-commands.ts"
import { find } from "../../src/events/world.ts"

const installation = "0123456789abcdef"

/** What the engine is told about a service that was asked for like this. */
function told(more: object, port: number | null = 11_000) {
  const { given, world } = setup()
  given(create("web", more))
  const service = find(world, "service", "web")!
  const parts = { installation, image: "docker.io/library/nginx:latest", port, internalPort: 80, environment: ["A=1"] }
  return { service, options: containerOptions(service, parts) }
}

const own = {
  "gatehouse.installation": installation,
  "gatehouse.service": "web",
  "gatehouse.owner": "admin",
}
const memoryFiles = (size: number) => `rw,noexec,nosuid,nodev,mode=1777,size=${size * 2 ** 20}`

describe("a container", () => {
  test("gets the safe defaults, and the engine is told nothing besides", () => {
    const { service, options } = told({})
    expect(options).toEqual({
      name: "web.01234567.1.11000",
      Image: "docker.io/library/nginx:latest",
      Hostname: "web",
      Env: ["A=1"],
      Labels: {
        ...own,
        "gatehouse.event": `${service.created_at}/1`,
        "gatehouse.port": "11000",
        "gatehouse.internal-port": "80",
      },
      ExposedPorts: { "80/tcp": {} },
      HostConfig: {
        NetworkMode: "proxy_network",
        PortBindings: { "80/tcp": [{ HostIp: "127.0.0.1", HostPort: "11000" }] },
        Memory: 512 * 2 ** 20,
        MemorySwap: 512 * 2 ** 20,
        NanoCpus: 1e9,
        PidsLimit: 256,
        RestartPolicy: { Name: "unless-stopped" },
        ReadonlyRootfs: true,
        Tmpfs: { "/tmp": memoryFiles(64), "/run": memoryFiles(16), "/var/tmp": memoryFiles(64) },
        CapDrop: ["ALL"],
        CapAdd: ["CHOWN", "SETUID", "SETGID", "DAC_OVERRIDE", "NET_BIND_SERVICE"],
        SecurityOpt: ["no-new-privileges:true"],
        Init: true,
        LogConfig: { Type: "json-file", Config: { "max-size": "10m", "max-file": "3" } },
        Mounts: [],
      },
      NetworkingConfig: { EndpointsConfig: { proxy_network: { Aliases: ["web"] } } },
    })
  })

  test("gets what was asked for, in the engine's units", () => {
    const { options } = told({
      command: ["serve", "--port", "80; rm -rf /"],
      user: "1000:1000",
      memory_limit: "64g",
      cpu_limit: 0.25,
      pids_limit: 4096,
      restart_policy: "no",
      read_only_root: false,
      bind_address: "0.0.0.0",
      labels: { team: "a" },
      volumes: { data: "/data" },
      healthcheck: { command: ["true"], interval: 5, timeout: 2, retries: 4 },
    })
    expect(options).toMatchObject({
      Cmd: ["serve", "--port", "80; rm -rf /"],
      User: "1000:1000",
      Labels: { team: "a", ...own },
      Healthcheck: { Test: ["CMD", "true"], Interval: 5e9, Timeout: 2e9, Retries: 4 },
      HostConfig: {
        PortBindings: { "80/tcp": [{ HostIp: "0.0.0.0", HostPort: "11000" }] },
        Memory: 64 * 2 ** 30,
        MemorySwap: 64 * 2 ** 30,
        NanoCpus: 25e7,
        PidsLimit: 4096,
        RestartPolicy: { Name: "" },
        ReadonlyRootfs: false,
        Mounts: [
          { Type: "volume", Source: volumeName(installation, { service_name: "web" }, "data"), Target: "/data" },
        ],
      },
    })
    expect(options.HostConfig).not.toHaveProperty("Tmpfs")
  })

  test("that is not to be exposed publishes nothing", () => {
    const { service, options } = told({ expose: false }, null)
    expect(service.ports).toEqual([])
    expect([options.ExposedPorts, options.HostConfig?.PortBindings]).toEqual([undefined, undefined])
    expect(options.name).toBe("web.01234567.1.private")
  })
})
