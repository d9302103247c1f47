import * as fc from "fast-check"
import { type World, all, apply, emptyWorld, find } from "../../src/events/world.ts"
import { admin, decider, owner, system, token } from "../support/decider.ts"
import { describe, expect, it } from "vitest"
import type { StoredEvent } from "../../src/events/envelope.ts"
import { canonicalJson } from "../../src/platform/canonical-json.ts"

const name = fc.constantFrom("alice", "bob", "carol")
const host = fc.constantFrom("a.test", "b.test", "c.example.com", "d.test")
const cert = fc.constantFrom("one", "two", "proxy-a-test", "proxy-b-test")
const actor = fc.oneof(fc.constant(admin), name.map(owner))
const maybe = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: null })

const command: fc.Arbitrary<[string, unknown, typeof admin]> = fc.oneof(
  name.map((n): [string, unknown, typeof admin] => [...token(n), admin]),
  fc.tuple(name, fc.boolean(), fc.boolean(), maybe(name)).map(([n, cascade, force, reassign_to]): [string, unknown, typeof admin] => [
    "DeleteToken",
    { name: n, cascade, force, reassign_to },
    admin,
  ]),
  fc.tuple(host, actor, fc.boolean(), maybe(cert)).map(([hostname, by, enable_https, cert_name]): [string, unknown, typeof admin] => [
    "CreateProxy",
    { hostname, target_url: "http://backend.example", enable_https, cert_name },
    by as typeof admin,
  ]),
  fc.tuple(host, actor, cert, fc.boolean()).map(([hostname, by, cert_name, force]): [string, unknown, typeof admin] => [
    "UpdateProxy",
    { hostname, changes: { cert_name }, force },
    by as typeof admin,
  ]),
  fc.tuple(host, actor, fc.boolean()).map(([hostname, by, delete_certificate]): [string, unknown, typeof admin] => [
    "DeleteProxy",
    { hostname, delete_certificate },
    by as typeof admin,
  ]),
  fc.tuple(cert, fc.uniqueArray(host, { minLength: 1, maxLength: 2 }), actor).map(([cert_name, domains, by]): [string, unknown, typeof admin] => [
    "CreateCertificate",
    { cert_name, domains, issuer: "internal" },
    by as typeof admin,
  ]),
  fc.tuple(cert, actor, fc.boolean()).map(([cert_name, by, force]): [string, unknown, typeof admin] => [
    "DeleteCertificate",
    { cert_name, force },
    by as typeof admin,
  ]),
  fc.tuple(cert, actor).map(([cert_name, by]): [string, unknown, typeof admin] => ["RenewCertificate", { cert_name, force: true }, by as typeof admin]),
  cert.map((cert_name): [string, unknown, typeof admin] => ["StartAttempt", { cert_name, directory_url: null }, system as typeof admin]),
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

/** What must hold after every command, whatever came before. */
function check(world: World, vault: ReadonlySet<string>) {
  for (const proxy of all(world, "proxy")) {
    expect(proxy.owner === "admin" || find(world, "api-token", proxy.owner) !== undefined, `${proxy.hostname} has an owner`).toBe(true)
    if (proxy.cert_name !== null)
      expect(find(world, "certificate", proxy.cert_name.toLowerCase()), `${proxy.hostname} names a certificate that exists`).toBeDefined()
  }
  const named = new Set<string>()
  for (const state of all(world, "api-token")) if (state.secret_ref !== null) named.add(state.secret_ref)
  for (const state of all(world, "certificate")) {
    expect(state.owner === "admin" || find(world, "api-token", state.owner) !== undefined, `${state.cert_name} has an owner`).toBe(true)
    if (state.material !== null) named.add(state.material.key_ref)
    if (state.generation.key_ref !== null) named.add(state.generation.key_ref)
  }
  expect([...vault].sort()).toEqual([...named].sort())
}

describe("random sequences of commands", () => {
  it("keep owners, references and the vault in order, and replay to the same world", () => {
    fc.assert(
      fc.property(fc.array(command, { maxLength: 40 }), (commands) => {
        const { when, world, log } = decider()
        const vault = new Set<string>()
        for (const [type, data, by] of commands) {
          const brought = Object.entries(data as Record<string, unknown>).flatMap(([key, value]) => (key.endsWith("_ref") ? [String(value)] : []))
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
    fc.assert(
      fc.property(fc.array(command, { maxLength: 30 }), (commands) => {
        const { when, world } = decider()
        for (const [type, data, by] of commands) {
          const before = new Map([...all(world, "proxy"), ...all(world, "certificate")].map((state) => [state, state.owner]))
          when(type, data, by)
          if (by.admin) continue
          const after = new Set<unknown>([...all(world, "proxy"), ...all(world, "certificate")])
          for (const [state, holder] of before) if (holder !== by.token) expect(after.has(state), `${type} by ${by.name} changed ${holder}'s object`).toBe(true)
        }
      }),
      { numRuns: 500 },
    )
  })
})
