import { afterAll, beforeAll, describe, expect, it, vi } from "vitest"
import { specifiedEndpoints, specifiedRecipes } from "./surface.ts"
import { type System, startSystem } from "./system.ts"
import type { Login } from "../support/mcp-login.ts"
import { endpoints } from "../../src/api/endpoint-table.ts"
import { justfile } from "./just.ts"
import { recipes } from "../../src/cli/recipe-table.ts"
import { usesOf } from "./uses.ts"
import { walkAdditions } from "./additions.ts"
import { walkCertificates } from "./certificates.ts"
import { walkMaintenance } from "./maintenance.ts"
import { walkOAuth } from "./oauth.ts"
import { walkProxies } from "./proxies.ts"
import { walkPublic } from "./public.ts"
import { walkRegistry } from "./registry.ts"
import { walkRoutes } from "./routes.ts"
import { walkServices } from "./services.ts"
import { walkTokens } from "./tokens.ts"

// One system with everything around it; on a busy machine of two cores that takes its time.
vi.setConfig({ testTimeout: 120_000, hookTimeout: 180_000 })

let system: System
let login: Login
beforeAll(async () => {
  system = await startSystem()
})
afterAll(() => system?.stop())

const uses = usesOf(() => system)
walkTokens(uses, () => system)
walkCertificates(uses, () => system)
walkProxies(uses, () => system)
walkRoutes(uses, () => system)
walkRegistry(uses, () => system)
walkServices(uses, () => system)
walkOAuth(
  uses,
  () => system,
  (signedIn) => (login = signedIn),
)
walkPublic(
  uses,
  () => system,
  () => login,
)
walkAdditions(uses, () => system)
walkMaintenance(uses, () => system)

describe("nobody without a token gets anything:", () => {
  const closed = endpoints.filter(({ who }) => who !== "public")
  it.each(closed.map(({ method, path }) => `${method} ${path}`))("%s", async (entry) => {
    const params = Object.fromEntries([...entry.matchAll(/\{(\w+)\}/g)].map(([, name]) => [name!, "x"]))
    await uses.refuse(entry, 401, "unauthenticated", { params, token: null })
  })
})

describe("a token that nobody knows is refused:", () => {
  /** Arguments of recipes that look at them before they ask anybody. */
  const particular: Record<string, string[]> = {
    "proxy-update": ["web.test", "", "enabled=true"],
    "proxy-create-group": ["g", "a.test b.test", "http://93.184.216.34", ""],
    "route-update": ["r", "", "priority=1"],
    "service-create": ["web", "nginx"],
  }
  const needless = /^(health|config|mcp-doctor|oauth-client-register|oauth-test-tokens|service-create-mcp)$/
  const asking = recipes.filter(({ name }) => specifiedRecipes.includes(name) && !needless.test(name))
  it.each(asking.map((recipe) => [recipe.name, recipe] as const))("%s", async (name, { parameters }) => {
    const required = parameters.filter((one) => one.default === undefined)
    const args = particular[name] ?? required.map((one) => (one.name === "token" ? "" : "x"))
    await uses.fail(name, args, 1, /^invalid_token: /, { ADMIN_TOKEN: "wrong-token-wrong-token" })
  })
})

describe("every endpoint of the specification", () => {
  it.each(specifiedEndpoints)("%s is used, and refuses", (entry) => {
    expect([uses.used.has(entry), uses.refused.has(entry)]).toEqual([true, true])
  })

  it("of the admin API is in the endpoint table", () => {
    const known = new Set(endpoints.map(({ method, path }) => `${method} ${path}`))
    expect(specifiedEndpoints.filter((entry) => entry.includes(" /api/v1/") && !known.has(entry))).toEqual([])
  })
})

describe("every recipe of the specification", () => {
  it("is in the justfile", () => {
    expect(specifiedRecipes.filter((name) => justfile[name] === undefined)).toEqual([])
  })

  it.each(specifiedRecipes.filter((name) => recipes.some((known) => known.name === name)))(
    "%s is used, and refuses",
    (name) => {
      expect([uses.used.has(name), uses.refused.has(name)]).toEqual([true, true])
    },
  )
})
