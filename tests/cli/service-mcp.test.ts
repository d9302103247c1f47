import { bridgeVersion, serviceBody, wantedServer } from "../../src/cli/recipes/service-mcp.ts"
import { describe, expect, it } from "vitest"
import { readFileSync } from "node:fs"
import { join } from "node:path"

const imageFor = (...words: string[]) => serviceBody("x", wantedServer(words))["image"]

describe("the bridge of stdio servers", () => {
  it("is of one version, that of the package that the tests run", () => {
    const manifest = join(import.meta.dirname, "../../node_modules/supergateway/package.json")
    expect((JSON.parse(readFileSync(manifest, "utf8")) as { version: string }).version).toBe(bridgeVersion)
  })

  it.each([
    ["4.0.0", ["npx", "-y", "server"]],
    ["4.0.0", ["npx -y server"]],
    ["4.0.0-uvx", ["KEY=1", "uvx", "server"]],
    ["4.0.0-uvx", ["uvx server --flag"]],
    ["4.0.0-deno", ["deno", "run", "server.ts"]],
    ["4.0.0", ["/usr/bin/uvx-like"]],
  ])("has the tag %s for %j", (tag, words) => {
    expect(imageFor(...words)).toBe(`supercorp/supergateway:${tag}`)
  })

  it("is not used for an image, which is run as it is", () => {
    expect(serviceBody("x", wantedServer(["A=b", "ghcr.io/example/server:2"]))).toEqual({
      service_name: "x",
      image: "ghcr.io/example/server:2",
      environment: { A: "b" },
    })
  })
})
