import { beforeAll, describe, expect, test } from "vitest"
import { alice, api, cli, cliWithOwner, target } from "./cli-with-owner.ts"
import { issue } from "../api/running-api.ts"

cliWithOwner()

const base = "/api/v1"

/** What each recipe that asks would take away or show, and words of its question. */
const asking: readonly (readonly [argv: readonly string[], plan: RegExp])[] = [
  [["token-delete", "alice"], /alice will be deleted, and with it: .*proxies asked\.internal/],
  [["cert-delete", "proxy-asked-internal", "alice"], /proxy-asked-internal and its key .* taken from asked\.internal/],
  [["cert-show", "proxy-asked-internal", "alice", "key"], /private key of proxy-asked-internal/],
  [["proxy-delete", "asked.internal", "alice"], /asked\.internal → http.* will be deleted/],
  [["proxy-delete", "asked.internal", "alice", "true"], /and the certificate proxy-asked-internal will be deleted/],
  [["proxy-cert-attach", "asked.internal", "elsewhere", "alice"], /elsewhere does not cover asked\.internal/],
  [["proxy-auth-config", "asked.internal", "alice"], /asked\.internal will be dropped: auth_required_users/],
  [["route-delete", "asked", "alice"], /route asked \(\/asked → url .*\) will be deleted/],
  [["instance-delete", "asked", "alice"], /instance asked \(http.*\) will be deleted/],
  [["service-delete", "asked", "alice"], /service asked \(\w+\) and its container will be deleted/],
  [["cleanup-orphaned"], /routes: lost: /],
]

beforeAll(async () => {
  const post = async (path: string, body: object, token?: string) =>
    expect((await api.call("POST", `${base}/${path}`, body, {}, token)).status).toBeLessThan(300)
  await post("proxy/targets", { hostname: "asked.internal", target_url: target }, alice)
  await issue(api, "proxy-asked-internal")
  await post("certificates", { cert_name: "elsewhere", domain: "elsewhere.internal" }, alice)
  await post("proxy/targets/asked.internal/auth", { auth_proxy: "auth.localhost", required_users: ["jo"] }, alice)
  await post("routes", { route_id: "asked", path_pattern: "/asked", target_type: "url", target_value: target }, alice)
  await post("instances", { name: "asked", target_url: target }, alice)
  await post("services", { service_name: "asked", image: "nginx", owner: "alice" })
  await post("instances", { name: "soon-gone", target_url: target })
  await post("routes", { route_id: "lost", path_pattern: "/x", target_type: "instance", target_value: "soon-gone" })
  await api.call("DELETE", `${base}/instances/soon-gone?force=true`)
})

const position = () => api.projections.world.position

describe("a recipe that takes something away", () => {
  // A token that is named is revealed, which is an event of its own.
  const literal = (argv: readonly string[]) => argv.map((word, at) => (word === "alice" && at > 1 ? alice : word))

  test.each(asking)("%j prints its plan and ends with 3 where nobody can be asked", async (argv, plan) => {
    const before = position()
    const { code, out, err } = await cli(literal(argv))
    expect([code, out, err]).toEqual([3, "", expect.stringMatching(plan)])
    expect(position()).toBe(before)
  })

  test.each(asking)("%j changes nothing without a yes", async (argv, plan) => {
    const before = position()
    for (const answer of ["", "n", "nein", "yess"]) {
      const { code, err } = await cli(literal(argv), { answers: [answer] })
      expect([code, err]).toEqual([3, expect.stringMatching(plan)])
      expect(err).toContain("[y/N]")
    }
    expect(position()).toBe(before)
  })

  test("goes on with a yes, --yes, --force or force=true", async () => {
    expect((await cli(["proxy-cert-attach", "asked.internal", "elsewhere", "alice"], { answers: ["y"] })).code).toBe(0)
    expect((await cli(["proxy-auth-config", "asked.internal", "alice"], { answers: ["YES"] })).code).toBe(0)
    expect((await cli(["route-delete", "asked", "alice", "force=false"])).code).toBe(3)
    expect((await cli(["route-delete", "asked", "alice", "force=true"])).code).toBe(0)
    expect((await cli(["instance-delete", "asked", "alice", "--force"])).code).toBe(0)
    expect((await cli(["service-delete", "asked", "alice", "force=true"])).code).toBe(0)
    expect((await cli(["cleanup-orphaned", "force=true"])).code).toBe(0)
    expect((await cli(["proxy-cleanup", "force=true"])).code).toBe(0)
    expect((await cli(["proxy-delete", "asked.internal", "alice", "force=true"])).code).toBe(0)
    expect((await cli(["token-delete", "alice", "--yes"])).code).toBe(0)
  })
})
