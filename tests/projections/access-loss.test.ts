import { type World, emptyWorld, fork } from "../../src/events/world.ts"
import { addGrant, defaultMcp, fold, openAuth } from "../support/access-tokens.ts"
import { expect, test } from "vitest"
import { accessLosses } from "../../src/projections/access-loss.ts"

const settings = { publicHttpsPort: 443, MCP_RESOURCE_VALIDATION_STRICT: true }
const never = new AbortController().signal
const losses = (before: World, after: World, most = 1000, signal = never) =>
  accessLosses(before, after, settings, most, signal)

function proxy(world: World, hostname: string): void {
  fold(world, "proxy", hostname, "ProxyCreated", {
    ...{ hostname, owner: "alice", target_url: "http://127.0.0.1:1", cert_name: null, enabled: true },
    ...{ enable_http: true, enable_https: true, preserve_host_header: true, custom_headers: {} },
  })
  fold(world, "proxy", hostname, "ProxyAuthSet", openAuth)
  fold(world, "proxy", hostname, "ProxyMcpSet", { ...defaultMcp, mcp_scopes: ["mcp:read"] })
}

/** Grants for a host by their numbers. */
function grants(world: World, count: number, hostname: string): void {
  for (let at = 0; at < count; at += 1) {
    addGrant(world, `grant-${hostname}-${at}`)
    fold(world, "grant", `grant-${hostname}-${at}`, "GrantExtended", {
      resources: [`https://${hostname}/mcp`],
      scope: "mcp:read",
    })
  }
}

function world(): World {
  const made = emptyWorld()
  for (const hostname of ["a.test", "b.test"]) proxy(made, hostname)
  grants(made, 2, "a.test")
  grants(made, 1, "b.test")
  return made
}

test("Who could pass and could no longer is named with the host and why, and nobody else", async () => {
  const before = world()
  const after = fork(before)
  expect(await losses(before, after)).toEqual([])
  fold(after, "proxy", "a.test", "ProxyAuthSet", { ...openAuth, auth_required_users: ["somebody-else"] })
  fold(after, "grant", "grant-b.test-0", "GrantRevoked", { reason: "admin" })
  expect(await losses(before, after)).toEqual([
    ...[0, 1].map(() => ({
      ...{ who: "user", name: "Octocat", client_id: "mcp_client1", host: "a.test", reason: "user_not_allowed" },
    })),
    { who: "user", name: "Octocat", client_id: "mcp_client1", host: "b.test", reason: "the grant has ended" },
  ])
  expect(await losses(before, after, 2)).toHaveLength(2)
})

test("A host that goes is lost to everybody and to each of its grants", async () => {
  const before = world()
  const after = fork(before)
  fold(after, "proxy", "b.test", "ProxyDeleted", { hostname: "b.test" })
  expect((await losses(before, after)).map(({ who, host, reason }) => [who, host, reason])).toEqual([
    ["anyone", "b.test", "the host is gone"],
    ["user", "b.test", "the host is gone or switched off"],
  ])
})

test("Others are served while many grants are looked at, and whoever asked may leave", async () => {
  const before = world()
  grants(before, 3000, "b.test")
  const after = fork(before)
  fold(after, "proxy", "a.test", "ProxyAuthSet", { ...openAuth, auth_required_users: ["somebody-else"] })
  let turns = 0
  let over = false
  const turn = () => {
    turns += 1
    if (!over) setImmediate(turn)
  }
  setImmediate(turn)
  expect(await losses(before, after)).toHaveLength(2)
  over = true
  expect(turns).toBeGreaterThan(5)
  await expect(losses(before, after, 1000, AbortSignal.abort(new Error("left")))).rejects.toThrow("left")
})
