import { type AcmeRelay, startAcmeRelay } from "../support/acme-relay.ts"
import { find } from "../../src/events/world.ts"
import { type EffectNode, type NodeSetup, effectNode } from "./effect-node.ts"
import type { EffectOptions } from "../../src/effects/effects.ts"
import { type Pebble, startPebble } from "../support/pebble.ts"
import { type RedisServer, redisServer } from "../support/redis-server.ts"
import { X509Certificate, createPrivateKey, randomBytes } from "node:crypto"
import { afterAll, afterEach, beforeAll, expect } from "vitest"
import { vault } from "../../src/platform/vault.ts"

/** Redis, a CA and a relay before it for one test file, and what its tests do with nodes on them. */
export interface AcmeSite {
  readonly masterKey: Buffer
  readonly redis: RedisServer
  readonly pebble: Pebble
  readonly relay: AcmeRelay
  setup(env?: Record<string, string>): NodeSetup
  /** A node that orders through the relay and answers the CA's validation requests; stopped after the test. */
  start(env?: Record<string, string>, effects?: boolean, overrides?: Partial<EffectOptions>): Promise<EffectNode>
  /** A node that decides nothing. */
  startSecond(): Promise<EffectNode>
  /** Asks for a certificate. */
  request(node: EffectNode, name: string, domains: string[], more?: object): Promise<unknown>
  state(node: EffectNode, name: string): string | undefined
  /** Waits for a state of the generation. */
  reaches(node: EffectNode, name: string, wanted: string, deadlineMs?: number): Promise<void>
  /** Checks that what is served fits together; the leaf. */
  served(node: EffectNode, name: string, domains: string[]): Promise<X509Certificate>
  /** Requests to the CA so far in this test. */
  orders(): number
  finalizations(): number
}

/** Polls until `probe` holds. The node's log is in the failure. `deadlineMs` only say when to give up. */
export async function until(what: string, probe: () => boolean, node: EffectNode, deadlineMs = 30_000): Promise<void> {
  const end = performance.now() + deadlineMs
  while (!probe()) {
    if (performance.now() > end) throw new Error(`${what} did not happen:\n${node.logLines.slice(-20).join("")}`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

/** Sets up and tears down with the test file that calls it. */
export function acmeSite(): AcmeSite {
  const masterKey = randomBytes(32)
  const nodes: EffectNode[] = []
  let redis: RedisServer
  let pebble: Pebble
  let relay: AcmeRelay

  beforeAll(async () => {
    ;[redis, pebble] = await Promise.all([redisServer(), startPebble()])
    relay = await startAcmeRelay(pebble)
  })
  afterAll(async () => {
    await relay.stop()
    await pebble.stop()
    await redis.stop()
  })
  afterEach(async () => {
    relay.fault = () => undefined
    relay.seen.length = 0
    await Promise.all(nodes.splice(0).map((node) => node.stop()))
    await redis.command("FLUSHALL")
  })

  const site: AcmeSite = {
    masterKey,
    get redis() {
      return redis
    },
    get pebble() {
      return pebble
    },
    get relay() {
      return relay
    },
    setup: (env = {}) => ({
      redisUrl: redis.url,
      masterKey,
      env: { ACME_DIRECTORY_URL: relay.directoryUrl, ACME_STAGING_URL: relay.directoryUrl, ...env },
    }),
    async start(env = {}, effects = true, overrides = {}) {
      const node = await effectNode(site.setup(env))
      nodes.push(node)
      await node.answerChallenges(pebble.httpPort)
      if (effects) node.startEffects(overrides)
      return node
    },
    async startSecond() {
      const node = await effectNode({ ...site.setup(), decides: false })
      nodes.push(node)
      node.startEffects()
      return node
    },
    request: (node, cert_name, domains, more = {}) =>
      node.execute("CreateCertificate", { cert_name, domains, key_type: "ecdsa-p256", ...more }),
    state: (node, name) => find(node.world, "certificate", name)?.generation.state,
    reaches: (node, name, wanted, deadlineMs) =>
      until(`${name} ${wanted}`, () => site.state(node, name) === wanted, node, deadlineMs),
    async served(node, name, domains) {
      const { material } = node.certificate(name)
      const leaf = new X509Certificate(material!.fullchain_pem)
      const key = vault(masterKey).open(material!.key_ref, (await node.store.secret(material!.key_ref))!)
      expect(leaf.checkPrivateKey(createPrivateKey(key))).toBe(true)
      expect(leaf.subjectAltName).toBe(domains.map((domain) => `DNS:${domain}`).join(", "))
      expect(material!.issued_at).toBe(leaf.validFromDate.toISOString())
      return leaf
    },
    orders: () => relay.seen.filter((line) => line === "POST /order-plz").length,
    finalizations: () => relay.seen.filter((line) => line.startsWith("POST /finalize-order")).length,
  }
  return site
}
