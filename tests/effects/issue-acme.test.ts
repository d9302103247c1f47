import { acmeSite, until } from "./acme-site.ts"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { once } from "node:events"
import { spawn } from "node:child_process"
import { startAcmeRelay } from "../support/acme-relay.ts"
import { tmpdir } from "node:os"

const site = acmeSite()
let directory: string
let caFile: string

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), "gatehouse-effects-"))
  caFile = join(directory, "ca.pem")
  writeFileSync(caFile, site.pebble.caPem)
})
afterAll(() => rmSync(directory, { recursive: true }))

/** Runs another node's effects in a process of its own until it dies at a crash point. */
async function crash(point: string): Promise<void> {
  const { redisUrl, env } = site.setup()
  const setup = { redisUrl, masterKey: site.masterKey.toString("base64"), env, point, parent: directory }
  const child = spawn(process.execPath, [join(import.meta.dirname, "crashing-node.ts")], {
    env: { ...process.env, NODE_EXTRA_CA_CERTS: caFile, CRASHING_NODE: JSON.stringify(setup) },
    stdio: ["ignore", "ignore", "inherit"],
  })
  const [, signal] = (await once(child, "exit")) as [number | null, string | null]
  expect(signal).toBe("SIGKILL")
  // A dead process renews nothing: its lease has run out.
  expect(await site.redis.command("DEL {gh}:lease:effects:certificates")).toContain(":1\r\n")
}

describe("a retry", () => {
  test("proves the names at the staging twin first, with an account and a key of its own", async () => {
    const staging = await startAcmeRelay(site.pebble)
    const node = await site.start({ ACME_STAGING_URL: staging.directoryUrl })
    await site.pebble.dns("add-a", { host: "again.example.com", addresses: ["127.0.0.2"] })
    await site.request(node, "again", ["again.example.com"])
    await site.reaches(node, "again", "waiting_retry")
    expect([site.orders(), staging.seen]).toEqual([1, []])

    node.clock.offset = 61_000
    await until(
      "the second failure",
      () => node.certificate("again").generation.attempt === 2 && site.state(node, "again") === "waiting_retry",
      node,
    )
    expect(site.orders()).toBe(1)
    expect(staging.seen).toContain("POST /order-plz")

    await site.pebble.dns("clear-a", { host: "again.example.com" })
    node.clock.offset = 10 * 61_000
    await site.reaches(node, "again", "completed")
    await site.served(node, "again", ["again.example.com"])
    expect(node.certificate("again").material!.environment).toBe("production")
    expect([...node.world.objects.authority.keys()].sort()).toEqual(
      [site.relay.directoryUrl, staging.directoryUrl].sort(),
    )
    await staging.stop()
  })
})

describe("after a crash", () => {
  test.each([
    ["acme.leaseTaken", 1],
    ["acme.orderCreated", 2],
    ["acme.orderRecorded", 1],
    ["acme.challengePublished", 1],
    ["acme.challengeAnswered", 1],
    ["acme.keySaved", 1],
    ["acme.finalizeSent", 1],
    ["acme.afterFinalize", 1],
    ["acme.certFetched", 1],
    ["acme.certSaved", 1],
  ])("at %s another node finishes the work, with exactly one certificate", async (point, expectedOrders) => {
    const node = await site.start({}, false)
    await site.request(node, "owed", ["owed.example.com"])
    await crash(point)
    const others = node.startEffects()
    await site.reaches(node, "owed", "completed")
    await site.served(node, "owed", ["owed.example.com"])
    expect([site.finalizations(), site.orders()]).toEqual([1, expectedOrders])
    expect(node.certificate("owed").generation.attempt).toBe(1)
    await others.stop()
  })

  test("a due time that was recorded neither hurries nor is forgotten", async () => {
    await site.pebble.kill()
    const node = await site.start({}, false)
    const before = node.startEffects()
    await site.request(node, "due", ["due.example.com"])
    await site.reaches(node, "due", "waiting_retry")
    await before.stop()
    await site.pebble.start()
    node.startEffects()
    await site.request(node, "now", ["now.example.com"])
    await site.reaches(node, "now", "completed")
    expect(site.state(node, "due")).toBe("waiting_retry")
    node.clock.offset = 61_000
    await site.reaches(node, "due", "completed")
  })
})
