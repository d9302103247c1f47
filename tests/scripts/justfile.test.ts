import { execFileSync } from "node:child_process"
import { join } from "node:path"
import { describe, expect, it } from "vitest"

interface Recipe {
  readonly name: string
  readonly doc: string | null
  readonly private: boolean
  readonly attributes: readonly (string | Record<string, string>)[]
  readonly dependencies: readonly { readonly recipe: string }[]
}

const just = ["--justfile", join(import.meta.dirname, "../../justfile"), "--dump", "--dump-format", "json"]
const { recipes } = JSON.parse(execFileSync("just", just, { encoding: "utf8" })) as { recipes: Record<string, Recipe> }
const open = Object.values(recipes).filter((recipe) => !recipe.private)

describe("the justfile", () => {
  it("has a recipe for every part of running and testing Gatehouse", () => {
    const wanted =
      "up down restart rebuild logs shell redis-cli redis-up dev setup help health stats web-ui demo demo-down " +
      "generate-admin-token generate-oauth-key lint check openapi docs-build test test-all test-certs test-multi-domain " +
      "test-proxy-basic test-proxy-example test-websocket-proxy test-streaming-proxy test-proxy-all test-proxy-routes " +
      "test-docker-services test-docker-api test-oauth-status-api test-mcp-compliance test-resource-indicators " +
      "test-audience-validation mcp-test-all mcp-test-auth test-auth test-auth-flow test-proxy-mcp"
    const names = new Set(open.map(({ name }) => name))
    expect(wanted.split(" ").filter((name) => !names.has(name))).toEqual([])
  })

  it("explains every recipe and puts it into a group", () => {
    for (const { name, doc, attributes } of open) {
      expect(doc, name).toMatch(/^[A-Z]/)
      expect(
        attributes.some((attribute) => typeof attribute === "object" && "group" in attribute),
        name,
      ).toBe(true)
    }
  })

  it("installs what a recipe needs before it runs", () => {
    const installed = new Set(["_installed", "_packages", "_develop", "_test-programs"])
    const prepared = (name: string): boolean =>
      installed.has(name) || recipes[name]!.dependencies.some(({ recipe }) => prepared(recipe))
    expect(open.filter(({ name }) => !prepared(name)).map(({ name }) => name)).toEqual(["help"])
  })
})
