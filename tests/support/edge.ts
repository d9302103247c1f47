import { type Edge, startEdge } from "../../src/edge/edge.ts"
import type { EdgeParts } from "../../src/edge/edge-context.ts"
import { type TestProjections, addProxy, testProjections } from "./projections.ts"
import type { AccessRecord } from "../../src/edge/access-log.ts"
import type { Guard } from "../../src/edge/guard.ts"
import { loadConfig } from "../../src/platform/config.ts"
import { logger } from "../../src/platform/log.ts"
import { randomBytes } from "node:crypto"

/** A guard that lets everybody through. */
export const openGuard: Guard = {
  check: () => ({ pass: true, headers: [], protected: false, identity: null }),
  stillAllowed: () => true,
  claims: () => undefined,
}

/** An edge on free loopback ports with what a test needs to look at. */
export interface TestEdge extends Edge {
  readonly projections: TestProjections
  readonly records: AccessRecord[]
  readonly lines: string[]
  /** Adds a proxy whose target is a loopback port. */
  proxy(hostname: string, port: number, settings?: Record<string, unknown>): void
}

/** Starts an edge. @param env configuration beyond the ports */
export async function testEdge(env: Record<string, string> = {}, parts: Partial<EdgeParts> = {}): Promise<TestEdge> {
  const projections = (parts.projections as TestProjections | undefined) ?? testProjections()
  const records: AccessRecord[] = []
  const lines: string[] = []
  const edge = await startEdge({
    config: loadConfig({
      MASTER_KEY: randomBytes(32).toString("base64"),
      REDIS_PASSWORD: "not-used-by-the-edge",
      HTTP_PORT: "0",
      HTTPS_PORT: "0",
      SERVER_HOST: "127.0.0.1",
      ...env,
    }),
    projections,
    guard: openGuard,
    metadata: () => undefined,
    oauth: (_, res) => res.end("oauth"),
    admin: (_, res) => res.end("admin"),
    adminUpgrade: async (_, socket) => (socket.destroy(), 500),
    adminSockets: [],
    hostLogin: (_, res) => res.end("host login"),
    renewCookie: () => undefined,
    claimProof: () => Promise.resolve(true),
    openKey: () => Promise.reject(new Error("no key")),
    log: logger(
      "DEBUG",
      () => new Date(),
      (line) => lines.push(line),
    ),
    crash: () => {},
    accessSink: (batch) => void records.push(...batch),
    allowAddress: () => true,
    clock: () => new Date(),
    ...parts,
  })
  return {
    ...edge,
    projections,
    records,
    lines,
    proxy: (hostname, port, settings) =>
      addProxy(projections, hostname, { target_url: `http://127.0.0.1:${port}`, ...settings }),
  }
}
