import { afterAll, beforeAll, expect, test } from "vitest"
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { WebhookError, verifyWebhook } from "../../clients/gatehouse-events/src/index.ts"
import { execFileSync } from "node:child_process"
import { eventTypes } from "../../scripts/events-client/event-types.ts"
import { join } from "node:path"
import { newSigningSecret, signedHeaders } from "../../src/effects/webhook-signature.ts"
import { tmpdir } from "node:os"

const root = join(import.meta.dirname, "../..")
const client = join(root, "clients/gatehouse-events")
let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "gatehouse-client-"))
})
afterAll(() => rmSync(folder, { recursive: true }))

test("Its types are those of the events' schemas: `just events-client`", () => {
  writeFileSync(join(folder, "event-types.ts"), eventTypes())
  execFileSync(join(root, "node_modules/.bin/oxfmt"), ["-c", join(root, ".oxfmtrc.json"), "event-types.ts"], {
    cwd: folder,
  })
  expect(readFileSync(join(client, "src/event-types.ts"), "utf8")).toBe(
    readFileSync(join(folder, "event-types.ts"), "utf8"),
  )
})

test("It is built as JavaScript with types, and what is built can be imported without anything else", () => {
  const dist = join(folder, "built")
  execFileSync(join(root, "node_modules/.bin/tsc"), ["-p", client, "--outDir", dist], { cwd: root })
  const { exports, dependencies } = JSON.parse(readFileSync(join(client, "package.json"), "utf8")) as {
    exports: { ".": { default: string; types: string } }
    dependencies?: object
  }
  expect(dependencies).toBeUndefined()
  symlinkSync(dist, join(folder, "dist"))
  for (const path of Object.values(exports["."]))
    expect(readFileSync(join(folder, path), "utf8").length).toBeGreaterThan(0)
  writeFileSync(join(folder, "package.json"), JSON.stringify({ type: "module" }))
  const program = 'import("./dist/index.js").then((it) => console.log(Object.keys(it).sort().join()))'
  expect(execFileSync(process.execPath, ["-e", program], { cwd: folder, encoding: "utf8" }).trim()).toBe(
    "RefusedError,WebhookError,fileCheckpoint,follow,memoryCheckpoint,schemaVersions,verifyWebhook",
  )
})

const secret = newSigningSecret()
const body = JSON.stringify({ type: "WebhookTest", timestamp: "2026-01-01T00:00:00Z", data: { webhook: "a" } })
const now = 1_750_000_000_000
const headers = (secrets = [secret], timestamp = now / 1000) => signedHeaders({ id: "evt_1", timestamp, body }, secrets)

test("A message of Gatehouse is verified, by either secret while they are being changed", () => {
  const next = newSigningSecret()
  expect(verifyWebhook({ headers: headers(), body, secret, now })).toMatchObject({ type: "WebhookTest" })
  for (const known of [secret, next, [newSigningSecret(), next]])
    expect(verifyWebhook({ headers: headers([next, secret]), body, secret: known, now }).type).toBe("WebhookTest")
})

test.each([
  ["another secret", { secret: newSigningSecret() }],
  ["another body", { body: body.replace("a", "b") }],
  ["another id", { headers: { ...headers(), "webhook-id": "evt_2" } }],
  ["no signature", { headers: { ...headers(), "webhook-signature": undefined } }],
  ["an empty signature", { headers: { ...headers(), "webhook-signature": "v1," } }],
  ["an old message", { headers: headers([secret], now / 1000 - 301) }],
  ["one from the future", { headers: headers([secret], now / 1000 + 301) }],
  ["a time that is none", { headers: { ...headers(), "webhook-timestamp": "now" } }],
])("With %s it is refused", (_, change) => {
  expect(() => verifyWebhook({ headers: headers(), body, secret, now, ...change })).toThrow(WebhookError)
})
