import { decider, hash, owner, token } from "../support/decider.ts"
import { describe, expect, it } from "vitest"
import { find } from "../../src/events/world.ts"

const alice = owner("alice")
const restored = (name: string, digit: string) => ({
  name,
  cert_email: null,
  hash: hash(digit),
  preview: "…",
  secret_ref: null,
})
const target_url = "http://backend.example:8080"

function setting() {
  const tools = decider()
  tools.given(token("alice"))
  return tools
}

describe("what a configuration brings back", () => {
  it("is a token without its value, which is valid and cannot be shown", () => {
    const { when, world } = setting()
    expect(when("CreateToken", restored("back", "8")).events).toEqual(["TokenCreated"])
    expect(find(world, "api-token", "back")).toMatchObject({ hash: hash("8"), secret_ref: null, is_admin: false })
    expect(when("RevealToken", { name: "back" }).refused).toBe("not_revealable")
  })

  it("is no second token of the same value: nobody could tell whose a request is", () => {
    const { when, given } = setting()
    given(["CreateToken", restored("one", "8")])
    expect(when("CreateToken", restored("two", "8")).refused).toBe("already_exists")
    expect(when("CreateToken", restored("two", "9"), alice).refused).toBe("admin_required")
  })

  it("is a proxy with just the certificate that it had, covering or not, or with none", () => {
    const { when, given, world } = setting()
    given(["CreateCertificate", { cert_name: "other", domains: ["other.internal"] }])
    const proxy = { hostname: "a.internal", target_url, cert_name: "other", restore: true, service: "web" }
    expect(when("CreateProxy", proxy).events).toEqual(["ProxyCreated"])
    expect(find(world, "proxy", "a.internal")).toMatchObject({ cert_name: "other", service: "web" })
    const bare = { hostname: "b.internal", target_url, restore: true }
    expect(when("CreateProxy", bare).events).toEqual(["ProxyCreated"])
    expect(find(world, "proxy", "b.internal")).toMatchObject({ cert_name: null, enable_https: true })
    expect(when("CreateProxy", { ...bare, hostname: "c.internal" }, alice).refused).toBe("admin_required")
  })

  it("asks for no certificate where it says that there is none", () => {
    const { when, given } = setting()
    given(["CreateProxy", { hostname: "a.internal", target_url, enable_https: false }])
    const changes = { enable_https: true, cert_name: null }
    expect(when("UpdateProxy", { hostname: "a.internal", changes }).events).toEqual(["ProxyUpdated"])
  })

  it("is told of when its secrets leave, for each that is there", () => {
    const { when, given } = setting()
    given(["CreateService", { service_name: "web", image: "nginx", environment: [] }])
    const exported = { tokens: ["alice", "nobody"], services: ["web", "none"] }
    expect(when("ExportSecrets", exported).events).toEqual(["TokenRevealed", "ServiceSecretsExported"])
    expect(when("ExportSecrets", exported, alice).refused).toBe("admin_required")
  })
})
