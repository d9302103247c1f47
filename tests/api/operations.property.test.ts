import { type Operation, operations } from "./generated/operations.ts"
import { type RunningApi, issue, runningApi } from "./running-api.ts"
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest"
import { type World, all, apply, emptyWorld, find, worldOf } from "../../src/events/world.ts"
import type { StoredEvent } from "../../src/events/envelope.ts"
import { digests } from "../../src/projections/digest.ts"
import { fc, seed } from "../support/property.ts"
import { mayUseInstance } from "../../src/events/instance.ts"

vi.setConfig({ testTimeout: 60_000 })

const length = 60

let api: RunningApi
const tokens: Record<string, string> = {}
beforeEach(async () => {
  api = await runningApi()
  tokens["admin"] = api.adminToken
})
afterEach(() => api.stop())

/** An owner who was deleted comes back under the same name, with another token. */
async function signedUp(name: string): Promise<string> {
  if (find(api.projections.world, "api-token", name) === undefined) tokens[name] = await api.token(name)
  return tokens[name]!
}

async function perform({ who, method, path, body }: Operation): Promise<number> {
  const token = who === "admin" ? api.adminToken : await signedUp(who)
  const { status, headers, body: answer } = await api.call(method, `/api/v1/${path}`, body, {}, token)
  // Not decided in time: what it comes to belongs to this step all the same.
  if (answer["status"] === "queued") await api.call("GET", `${headers.get("location")}?wait=true&timeout=30`)
  return status
}

const ownedKinds = ["proxy", "certificate", "route", "instance", "resource"] as const

/** What must hold on every projection after every operation. */
function check(world: World): void {
  expect(world.referrers, "who names what is known").toEqual(worldOf(world).referrers)
  const exists = (owner: string) => owner === "admin" || find(world, "api-token", owner) !== undefined
  for (const kind of ownedKinds)
    for (const [id, { state }] of world.objects[kind])
      expect(exists(state.owner), `${kind} ${id} has an owner`).toBe(true)
  for (const service of all(world, "service"))
    // One that is being removed outlives its owner until its container is gone.
    if (service.desired_state !== "removed")
      expect(exists(service.owner), `${service.service_name} has an owner`).toBe(true)
  for (const { hostname, cert_name, enabled_routes, disabled_routes, target_url, owner } of all(world, "proxy")) {
    if (cert_name !== null)
      expect(
        find(world, "certificate", cert_name.toLowerCase()),
        `${hostname} names a certificate that exists`,
      ).toBeDefined()
    const listed = [...enabled_routes, ...disabled_routes]
    expect(
      listed.filter((id) => find(world, "route", id) === undefined),
      `${hostname} lists routes that exist`,
    ).toEqual([])
    expect(new Set(listed).size, `${hostname} lists each route once`).toBe(listed.length)
    const instance = find(world, "instance", target_url.replace("instance://", ""))
    if (instance !== undefined) expect(mayUseInstance(owner, instance), `${hostname} may use its instance`).toBe(true)
  }
  for (const route of all(world, "route")) {
    if (route.scope === "global") expect(route.owner, route.route_id).toBe("admin")
    for (const hostname of route.proxy_hostnames)
      expect(
        [find(world, "proxy", hostname)?.owner, "admin"],
        `${route.route_id} is for proxies of its owner`,
      ).toContain(route.owner)
  }
  for (const { uri, proxy_target, owner } of all(world, "resource"))
    expect([find(world, "proxy", proxy_target)?.owner, "admin"], `${uri} is on a proxy of its owner`).toContain(owner)
}

/** The lists of the API are what the log says, for whoever asks. */
async function checkLists(world: World): Promise<void> {
  const lists = [
    ["certificates", "certificates", "certificate"],
    ["proxy/targets", "targets", "proxy"],
    ["services", "services", "service"],
    ["resources", "resources", "resource"],
  ] as const
  for (const [path, collection, kind] of lists)
    for (const who of ["admin", "alice", "bob"]) {
      const token = who === "admin" ? api.adminToken : await signedUp(who)
      const { body } = await api.call<Record<string, { owner: string }[]>>(
        "GET",
        `/api/v1/${path}?per_page=100`,
        undefined,
        {},
        token,
      )
      const expected = [...all(world, kind)].filter(({ owner }) => who === "admin" || owner === who)
      expect(body[collection]!.length, `${path} of ${who}`).toBe(expected.length)
      if (who !== "admin") expect(new Set(body[collection]!.map(({ owner }) => owner)).size).toBeLessThanOrEqual(1)
    }
}

/** Everything once more from the first event, in another world. */
async function replayed(): Promise<World> {
  const world = emptyWorld()
  const { position } = await api.store.head()
  while (world.position < position)
    for (const event of await api.store.read(world.position, 1000)) apply(world, event as StoredEvent)
  return world
}

describe("random administration by two owners and an administrator", () => {
  const sequences = fc.sample(fc.array(operations, { minLength: length, maxLength: length }), { numRuns: 10 })
  it.each(sequences.map((sequence, number) => [number + 1, sequence] as const))(
    "keeps owners and references in order after each step, and replays to equal digests: sequence %i",
    async (_, sequence) => {
      const { world } = api.projections
      for (const name of ["alice", "bob"]) await signedUp(name)
      const statuses = new Map<string, number>()
      for (const [step, operation] of sequence.entries()) {
        const status = await perform(operation)
        const said = `seed ${seed}, step ${step + 1}: ${JSON.stringify(operation)} → ${status}`
        expect(status, said).toBeLessThan(500)
        statuses.set(status < 300 ? "done" : "refused", (statuses.get(status < 300 ? "done" : "refused") ?? 0) + 1)
        try {
          check(world)
        } catch (error) {
          throw new Error(said, { cause: error })
        }
        for (const { cert_name } of [...all(world, "certificate")].filter(
          ({ generation }) => generation.state === "accepted",
        ))
          if (step % 7 === 0) await issue(api, cert_name)
      }
      // Nothing is shown when all is refused, or nothing is.
      expect(Math.min(statuses.get("done") ?? 0, statuses.get("refused") ?? 0)).toBeGreaterThan(length / 10)
      await checkLists(world)
      const again = await replayed()
      check(again)
      expect(digests(again)).toEqual(digests(world))
      const digest = await api.call("GET", "/api/v1/digest")
      expect(digest.body).toMatchObject({ kinds: digests(again).kinds })
    },
  )
})
