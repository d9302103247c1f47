import { fc } from "../support/property.ts"
import { type World, all, apply, emptyWorld, find } from "../../src/events/world.ts"
import { admin, decider, owner, system, token } from "../support/decider.ts"
import { describe, expect, it } from "vitest"
import type { StoredEvent } from "../../src/events/envelope.ts"
import { canonicalJson } from "../../src/platform/canonical-json.ts"
import { mayUseInstance } from "../../src/events/instance.ts"

const name = fc.constantFrom("alice", "bob", "carol")
const host = fc.constantFrom("a.test", "b.test", "c.example.com", "d.test")
const cert = fc.constantFrom("one", "two", "proxy-a-test", "proxy-b-test")
const actor = fc.oneof(fc.constant(admin), name.map(owner))
const routeId = fc.constantFrom("r1", "r2", "r3")
const instance = fc.constantFrom("i1", "i2")
const routeTarget = fc.oneof(
  instance.map((target_value) => ({ target_type: "instance", target_value })),
  host.map((target_value) => ({ target_type: "hostname", target_value })),
  fc.constant({ target_type: "url", target_value: "http://backend.example" }),
)
const reach = fc.oneof(
  fc.constantFrom({}, { scope: "owner" }, { scope: "global" }),
  fc.uniqueArray(host, { minLength: 1, maxLength: 2 }).map((proxy_hostnames) => ({ scope: "proxy", proxy_hostnames })),
)
const nextOwner = fc.option(fc.oneof(name, fc.constant("admin")), { nil: undefined })
const uri = fc.constantFrom("https://a.test/mcp", "https://a.test/files", "https://b.test/mcp")
const maybe = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: null })

const command: fc.Arbitrary<[string, unknown, typeof admin]> = fc.oneof(
  name.map((n): [string, unknown, typeof admin] => [...token(n), admin]),
  fc
    .tuple(name, fc.boolean(), fc.boolean(), maybe(name))
    .map(([n, cascade, force, reassign_to]): [string, unknown, typeof admin] => [
      "DeleteToken",
      { name: n, cascade, force, reassign_to },
      admin,
    ]),
  fc
    .tuple(host, actor, fc.boolean(), maybe(cert))
    .map(([hostname, by, enable_https, cert_name]): [string, unknown, typeof admin] => [
      "CreateProxy",
      { hostname, target_url: "http://backend.example", enable_https, cert_name },
      by,
    ]),
  fc
    .tuple(host, actor, cert, fc.boolean())
    .map(([hostname, by, cert_name, force]): [string, unknown, typeof admin] => [
      "UpdateProxy",
      { hostname, changes: { cert_name }, force },
      by,
    ]),
  fc
    .tuple(host, actor, fc.boolean())
    .map(([hostname, by, delete_certificate]): [string, unknown, typeof admin] => [
      "DeleteProxy",
      { hostname, delete_certificate },
      by,
    ]),
  ...registry(),
  fc
    .tuple(cert, fc.uniqueArray(host, { minLength: 1, maxLength: 2 }), actor)
    .map(([cert_name, domains, by]): [string, unknown, typeof admin] => [
      "CreateCertificate",
      { cert_name, domains, issuer: "internal" },
      by,
    ]),
  fc
    .tuple(cert, actor, fc.boolean())
    .map(([cert_name, by, force]): [string, unknown, typeof admin] => ["DeleteCertificate", { cert_name, force }, by]),
  fc
    .tuple(cert, actor)
    .map(([cert_name, by]): [string, unknown, typeof admin] => ["RenewCertificate", { cert_name, force: true }, by]),
  cert.map((cert_name): [string, unknown, typeof admin] => [
    "StartAttempt",
    { cert_name, directory_url: null },
    system as typeof admin,
  ]),
  fc.tuple(cert, fc.integer({ min: 1, max: 1_000_000 })).map(([cert_name, n]): [string, unknown, typeof admin] => [
    "RecordIssued",
    {
      cert_name,
      key_ref: `key-${n}`,
      fullchain_pem: "PEM",
      issued_at: "2026-01-01T00:00:00.000Z",
      expires_at: "2026-04-01T00:00:00.000Z",
      fingerprint_sha256: "00",
    },
    system as typeof admin,
  ]),
)

type Issued = [string, unknown, typeof admin]

/** Commands about routes, instances and resources. */
function registry(): fc.Arbitrary<Issued>[] {
  const by = <T>(type: string, data: fc.Arbitrary<T>) =>
    fc.tuple(data, actor).map(([value, who]): Issued => [type, value, who])
  const record = (fields: Record<string, fc.Arbitrary<unknown>>) => fc.record(fields)
  const path_pattern = fc.constantFrom("/a", "/b")
  return [
    by(
      "CreateRoute",
      fc
        .tuple(routeId, path_pattern, routeTarget, reach)
        .map(([route_id, path, to, where]) => ({ route_id, path_pattern: path, ...to, ...where })),
    ),
    by(
      "UpdateRoute",
      record({
        route_id: routeId,
        changes: fc.tuple(routeTarget, reach).map(([to, where]) => ({ ...to, ...where })),
        owner: nextOwner,
      }),
    ),
    by("UpdateRoute", record({ route_id: routeId, changes: record({ path_pattern }) })),
    by("DeleteRoute", record({ route_id: routeId })),
    by("RegisterInstance", record({ name: instance, target_url: fc.constant("http://backend.example") })),
    by("UpdateInstance", record({ name: instance, changes: record({ name: instance }), owner: nextOwner })),
    by("DeleteInstance", record({ name: instance, force: fc.boolean() })),
    by("RegisterResource", record({ uri, name: fc.constant("x"), proxy_target: host })),
    by("UpdateResource", record({ uri, changes: record({ name: name }), owner: nextOwner })),
    by("DeleteResource", record({ uri })),
    by("UpdateProxy", record({ hostname: host, changes: fc.constant({}), owner: nextOwner })),
    by(
      "UpdateProxy",
      record({ hostname: host, changes: record({ target_url: instance.map((to) => `instance://${to}`) }) }),
    ),
    by(
      "SetProxyMcp",
      record({
        hostname: host,
        mcp: record({ mcp_endpoint: fc.constantFrom("/mcp", "/files"), mcp_enabled: fc.boolean() }),
      }),
    ),
    by("SetProxyAuth", record({ hostname: host, auth: fc.constant({ auth_proxy: "auth.localhost" }) })),
    by("RemoveProxyMcp", record({ hostname: host })),
    by("AutoRegisterResources", fc.constant({})),
    by("SwitchProxyRoute", record({ hostname: host, route_id: routeId, on: fc.boolean() })),
    by(
      "SetProxyRoutes",
      record({
        hostname: host,
        routes: record({
          route_mode: fc.constantFrom("all", "selective", "none"),
          enabled_routes: fc.subarray(["r1", "r2"]),
          disabled_routes: fc.subarray(["r3"]),
        }),
      }),
    ),
  ]
}

/** Random commands behind some that most others need. */
const commands = fc
  .array(command, { maxLength: 40 })
  .map((list): Issued[] => [
    ...["alice", "bob"].map((n): Issued => [...token(n), admin]),
    ["CreateProxy", { hostname: "a.test", target_url: "http://backend.example", enable_https: false }, owner("alice")],
    ["CreateProxy", { hostname: "b.test", target_url: "http://backend.example", enable_https: false }, owner("bob")],
    ["RegisterInstance", { name: "i1", target_url: "http://backend.example" }, owner("alice")],
    ...list,
  ])

/** Owners and references of routes, instances and resources. */
function checkRegistry(world: World) {
  const owned = (what: string, holder: string) =>
    expect(holder === "admin" || find(world, "api-token", holder) !== undefined, `${what} has an owner`).toBe(true)
  for (const route of all(world, "route")) {
    owned(route.route_id, route.owner)
    if (route.scope === "global") expect(route.owner).toBe("admin")
    expect(route.proxy_hostnames.length > 0, `${route.route_id} names proxies`).toBe(route.scope === "proxy")
    for (const hostname of route.proxy_hostnames)
      expect(
        [find(world, "proxy", hostname)?.owner, "admin"],
        `${route.route_id} is for proxies of its owner`,
      ).toContain(route.owner)
  }
  for (const { name: called, owner: holder } of all(world, "instance")) owned(called, holder)
  for (const resource of all(world, "resource")) {
    owned(resource.uri, resource.owner)
    expect(
      [find(world, "proxy", resource.proxy_target)?.owner, "admin"],
      `${resource.uri} is on a proxy of its owner`,
    ).toContain(resource.owner)
    expect(new URL(resource.uri).hostname).toBe(resource.proxy_target)
  }
  const users = [
    ...[...all(world, "route")]
      .filter((route) => route.target_type === "instance")
      .map((route) => [route.owner, route.target_value] as const),
    ...[...all(world, "proxy")].map((proxy) => [proxy.owner, proxy.target_url.replace("instance://", "")] as const),
  ]
  for (const [holder, called] of users) {
    const known = find(world, "instance", called)
    if (known !== undefined) expect(mayUseInstance(holder, known), `${called} is led to by those who may`).toBe(true)
  }
  for (const { hostname, enabled_routes, disabled_routes } of all(world, "proxy")) {
    const lists = [...enabled_routes, ...disabled_routes]
    expect(
      lists.filter((id) => find(world, "route", id) === undefined),
      `${hostname} lists routes that exist`,
    ).toEqual([])
    expect(new Set(lists).size).toBe(lists.length)
  }
}

/** What must hold after every command, whatever came before. */
function check(world: World, vault: ReadonlySet<string>) {
  checkRegistry(world)
  for (const proxy of all(world, "proxy")) {
    expect(
      proxy.owner === "admin" || find(world, "api-token", proxy.owner) !== undefined,
      `${proxy.hostname} has an owner`,
    ).toBe(true)
    if (proxy.cert_name !== null)
      expect(
        find(world, "certificate", proxy.cert_name.toLowerCase()),
        `${proxy.hostname} names a certificate that exists`,
      ).toBeDefined()
  }
  const named = new Set<string>()
  for (const state of all(world, "api-token")) if (state.secret_ref !== null) named.add(state.secret_ref)
  for (const state of all(world, "certificate")) {
    expect(
      state.owner === "admin" || find(world, "api-token", state.owner) !== undefined,
      `${state.cert_name} has an owner`,
    ).toBe(true)
    if (state.material !== null) named.add(state.material.key_ref)
    if (state.generation.key_ref !== null) named.add(state.generation.key_ref)
  }
  expect([...vault].sort()).toEqual([...named].sort())
}

describe("random sequences of commands", () => {
  it("keep owners, references and the vault in order, and replay to the same world", () => {
    fc.assert(
      fc.property(commands, (issued) => {
        const { when, world, log } = decider()
        const vault = new Set<string>()
        for (const [type, data, by] of issued) {
          const brought = Object.entries(data as Record<string, unknown>).flatMap(([key, value]) =>
            key.endsWith("_ref") ? [String(value)] : [],
          )
          const answer = when(type, data, by, { secrets: brought })
          if (answer.decided === undefined) continue
          for (const ref of brought) vault.add(ref)
          for (const ref of answer.decided.unlink) vault.delete(ref)
          check(world, vault)
        }
        const replayed = emptyWorld()
        for (const event of [...log, ...log]) apply(replayed, event as StoredEvent)
        expect(canonicalJson([...Object.values(replayed.objects)].map((map) => [...map]))).toBe(
          canonicalJson([...Object.values(world.objects)].map((map) => [...map])),
        )
      }),
      { numRuns: 500 },
    )
  })

  it("let no owner change another owner's objects", () => {
    const kinds = ["proxy", "certificate", "route", "instance", "resource"] as const
    /** Each object by its state, without what belongs to others: the lists of routes that a deleted route leaves. */
    const objects = (world: World) =>
      new Map(
        kinds.flatMap((kind) =>
          [...world.objects[kind]].map(([id, { state }]) => {
            const {
              updated_at: _,
              enabled_routes: __,
              disabled_routes: ___,
              ...rest
            } = state as unknown as Record<string, unknown>
            return [`${kind} ${id}`, { holder: state.owner, text: canonicalJson(rest) }] as const
          }),
        ),
      )
    fc.assert(
      fc.property(commands, (issued) => {
        const { when, world } = decider()
        for (const [type, data, by] of issued) {
          const before = objects(world)
          when(type, data, by)
          if (by.admin) continue
          const after = objects(world)
          for (const [key, { holder, text }] of before) {
            // What an administrator has put upon an owner's proxy or instance follows that.
            const follows = holder === "admin" && !/^(certificate|instance) /.test(key)
            if (holder !== by.token && !follows)
              expect(after.get(key)?.text, `${type} by ${by.name} changed ${holder}'s ${key}`).toBe(text)
          }
        }
      }),
      { numRuns: 500 },
    )
  })
})
