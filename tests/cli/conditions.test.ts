import { beforeAll, describe, expect, test } from "vitest"
import { alice, api, cli, cliWithOwner, target } from "./cli-with-owner.ts"
import { issue } from "../api/running-api.ts"

cliWithOwner()

const base = "/api/v1"
beforeAll(async () => {
  const post = async (path: string, body: object, token: string | undefined = alice) =>
    expect((await api.call("POST", `${base}/${path}`, body, {}, token)).status, path).toBeLessThan(300)
  await post("proxy/targets", { hostname: "held.internal", target_url: target })
  await issue(api, "proxy-held-internal")
  await post("certificates", { cert_name: "staged", domain: "s.example.com", email: "a@example.com", staging: true })
  await post("proxy/targets/held.internal/auth", { auth_proxy: "auth.localhost", required_users: ["jo"] })
  await post("routes", { route_id: "held", path_pattern: "/held", target_type: "url", target_value: target })
  await post("instances", { name: "held", target_url: target })
  await post("services", { service_name: "held", image: "nginx", owner: "alice" }, api.adminToken)
})

/** Every recipe that changes or deletes an object that is there. */
const changes: readonly (readonly string[])[] = [
  ["token-delete", "alice"],
  ["token-email-update", "alice", "a@example.com"],
  ["cert-delete", "proxy-held-internal", "TOKEN"],
  ["cert-renew", "proxy-held-internal", "TOKEN", "true"],
  ["cert-to-production", "staged", "TOKEN"],
  ["proxy-update", "held.internal", "TOKEN", "enable_http=false"],
  ["proxy-enable", "held.internal", "TOKEN"],
  ["proxy-disable", "held.internal", "TOKEN"],
  ["proxy-delete", "held.internal", "TOKEN"],
  ["proxy-cert-attach", "held.internal", "proxy-held-internal", "TOKEN"],
  ["proxy-cert-attach", "held.internal", "staged", "TOKEN"],
  ["proxy-auth-enable", "held.internal", "TOKEN", "auth.localhost", "forward"],
  ["proxy-auth-config", "held.internal", "TOKEN", "ann"],
  ["proxy-auth-disable", "held.internal", "TOKEN"],
  ["proxy-mcp-enable", "held.internal", "TOKEN"],
  ["proxy-mcp-config", "held.internal", "TOKEN", "stateful=true"],
  ["proxy-mcp-disable", "held.internal", "TOKEN"],
  ["proxy-routes-mode", "held.internal", "TOKEN", "selective"],
  ["proxy-routes-set", "held.internal", "TOKEN", "held", ""],
  ["proxy-route-disable", "held.internal", "held", "TOKEN"],
  ["proxy-route-enable", "held.internal", "held", "TOKEN"],
  ["route-update", "held", "TOKEN", "priority=60"],
  ["route-enable", "held", "TOKEN"],
  ["route-disable", "held", "TOKEN"],
  ["route-delete", "held", "TOKEN"],
  ["instance-update", "held", target, "TOKEN", "other"],
  ["instance-delete", "held", "TOKEN"],
  ["service-start", "held", "TOKEN"],
  ["service-stop", "held", "TOKEN"],
  ["service-restart", "held", "TOKEN"],
  ["service-delete", "held", "TOKEN", "true"],
]

describe("--if-match of another version", () => {
  test.each(changes)("stops %s", async (...argv) => {
    const { position } = api.projections.world
    const words = argv.filter((word) => word !== undefined).map((word) => (word === "TOKEN" ? alice : word))
    const { code, err } = await cli([...words, "--yes", "--if-match", "1"])
    expect([code, err]).toEqual([1, expect.stringMatching(/^precondition_failed: /)])
    expect(api.projections.world.position).toBe(position)
  })
})

test("a change between reading and writing is not overwritten", async () => {
  const meanwhile = async () => {
    const other = { auth_proxy: "auth.localhost", required_users: ["somebody"] }
    await api.call("POST", `${base}/proxy/targets/held.internal/auth`, other, {}, alice)
    return "y"
  }
  // Whoever is asked takes their time.
  const answers = { shift: meanwhile } as unknown as string[]
  const { code, err } = await cli(["proxy-auth-config", "held.internal", alice], { answers })
  expect([code, err]).toEqual([1, expect.stringMatching(/precondition_failed: /)])
  const { body } = await api.call("GET", `${base}/proxy/targets/held.internal/auth`)
  expect(body["auth_required_users"]).toEqual(["somebody"])
})

test("force is told to the API where it decides", async () => {
  const builtIn = { target_type: "hostname", target_value: "auth.localhost", scope: "proxy" }
  const route = { ...builtIn, route_id: "oauth-token", path_pattern: "/token", proxy_hostnames: ["auth.localhost"] }
  await api.report("CreateRoute", route)
  expect((await cli(["route-delete", "oauth-token", "", "--yes"])).err).toMatch(/^protected: /)
  expect((await cli(["route-delete", "oauth-token", "", "force=true"])).code).toBe(0)
  const bob = await api.token("bob")
  const body = { hostname: "bobs.internal", target_url: target, enable_https: false }
  await api.call("POST", `${base}/proxy/targets`, body, {}, bob)
  const attach = { cert_name: "proxy-held-internal", force: true }
  await api.call("PUT", `${base}/proxy/targets/bobs.internal`, attach)
  expect((await cli(["cert-delete", "proxy-held-internal", "", "--yes"])).err).toMatch(/^in_use: /)
  expect((await cli(["cert-delete", "proxy-held-internal", "", "true"])).code).toBe(0)
})

test("a wildcard's base may be written as the wildcard", async () => {
  const { body } = await api.call("GET", `${base}/certificates?domain=*.wide.internal`)
  expect(body["certificates"]).toEqual([])
  const made = await cli(["cert-create-wildcard", "wide", "*.wide.internal", "", "alice"])
  expect(made.json()["domains"]).toEqual(["*.wide.internal", "wide.internal"])
})

test("the built-in authorization server is registered once", async () => {
  const env = { BASE_DOMAIN: "localhost", HTTPS_PORT: "8443" }
  expect((await cli(["instance-register-oauth", ""], { env })).code).toBe(0)
  const { position } = api.projections.world
  expect((await cli(["instance-register-oauth", ""], { env })).json()["target_url"]).toBe("https://auth.localhost:8443")
  expect(api.projections.world.position).toBe(position)
})
