import { describe, expect, it } from "vitest"
import { innerDoors, ownPorts } from "../src/policy.ts"
import { loadConfig } from "../src/platform/config.ts"
import { mayDial } from "../src/webhook-parts.ts"

const configOf = (more: Record<string, string>) =>
  loadConfig({
    MASTER_KEY: Buffer.alloc(32, 1).toString("base64"),
    REDIS_URL: "redis://:secret@10.9.8.7:6390/0",
    HTTP_PORT: "8080",
    HTTPS_PORT: "8443",
    API_PORT: "9000",
    TARGET_ALLOW_CIDRS: "10.0.0.0/8,127.0.0.0/8",
    ...more,
  })

describe("what lies behind Gatehouse", () => {
  it.each([
    ["unix:///var/run/docker.sock", []],
    ["tcp://127.0.0.1:2376", [{ host: "127.0.0.1", port: 2376 }]],
    ["tcp://10.1.1.1", [{ host: "10.1.1.1", port: 2375 }]],
    ["http://[fd00::2]:2375", [{ host: "fd00::2", port: 2375 }]],
  ])("is the store, and with DOCKER_HOST=%s the engine", (DOCKER_HOST, engine) => {
    const config = configOf({ DOCKER_HOST })
    expect(innerDoors(config)).toEqual([{ host: "10.9.8.7", port: 6390 }, ...engine])
    expect(ownPorts(config)).toEqual([8080, 8443, 9000, 6390, ...engine.map(({ port }) => port)])
  })

  it("is dialled for nobody, also where its range is allowed and the target is an administrator's", () => {
    const may = mayDial(configOf({ DOCKER_HOST: "tcp://10.1.1.1:2375" }))
    for (const owner of ["admin", "alice"]) {
      for (const [address, port] of [
        ["127.0.0.1", 9000],
        ["127.0.0.2", 8443],
        ["::1", 8080],
        ["127.0.0.1", 6390],
        ["127.0.0.1", 2375],
        ["10.9.8.7", 6390],
        ["10.1.1.1", 2375],
        ["169.254.169.254", 80],
        ["fd00:ec2::254", 80],
        ["0.0.0.0", 3000],
      ] as const)
        expect(may(address, port, owner), `${owner} at ${address}:${port}`).toBe(false)
      for (const [address, port] of [
        ["127.0.0.1", 3000],
        ["10.9.8.7", 3000],
        ["10.1.1.1", 443],
        ["93.184.216.34", 2375],
      ] as const)
        expect(may(address, port, owner), `${owner} at ${address}:${port}`).toBe(true)
    }
  })
})
