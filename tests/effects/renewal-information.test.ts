import { acmeSite, until } from "./acme-site.ts"
import { describe, expect, test } from "vitest"
import type { EffectNode } from "./effect-node.ts"
import { certificateId } from "../../src/effects/renewal-information.ts"
import { execFileSync } from "node:child_process"
import { mkdtempSync, rmSync } from "node:fs"
import { join } from "node:path"
import { tmpdir } from "node:os"

const site = acmeSite()

/** Lets the CA offer renewal information; `answer` is asked for each certificate. */
function offer(answer: (path: string) => { status: number; headers?: Record<string, string>; body: string }): void {
  site.relay.fault = (_method, path) => {
    if (path === "/dir")
      return {
        kind: "rewrite",
        body: (text) =>
          JSON.stringify({ ...JSON.parse(text), renewalInfo: site.relay.directoryUrl.replace("/dir", "/ari") }),
      }
    return path.startsWith("/ari/") ? { kind: "answer", ...answer(path) } : undefined
  }
}

const hours = (count: number) => new Date(Date.now() + count * 3_600_000).toISOString()
const window = (start: string, end: string) => JSON.stringify({ suggestedWindow: { start, end } })
const asked = () => site.relay.seen.filter((line) => line.startsWith("GET /ari/"))
const renewals = (node: EffectNode, name: string) =>
  node.history(name).filter((type) => type === "CertificateRenewalRequested").length

async function issued(name: string): Promise<EffectNode> {
  const node = await site.start({ RENEWAL_CHECK_INTERVAL: "1" })
  await site.request(node, name, [`${name}.example.com`])
  await site.reaches(node, name, "completed")
  return node
}

describe("renewal information", () => {
  test("is asked for by the certificate's unique identifier", () => {
    const directory = mkdtempSync(join(tmpdir(), "gatehouse-ari-"))
    const extension = "authorityKeyIdentifier=keyid:always"
    const words =
      "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout key.pem -subj /CN=a -days 2 -set_serial 0x87654321"
    const pem = execFileSync("openssl", [...words.split(" "), "-addext", extension], {
      cwd: directory,
      stdio: ["ignore", "pipe", "ignore"],
    })
    rmSync(directory, { recursive: true })
    expect(certificateId(pem.toString()).split(".")[1]).toBe("AIdlQyE")
  })

  test("makes a renewal earlier than the rule of one third would", async () => {
    offer(() => ({ status: 200, body: window(hours(-2), hours(-1)) }))
    const node = await issued("early")
    const { key_ref } = node.certificate("early").material!
    await until("a renewal", () => node.certificate("early").material!.key_ref !== key_ref, node)
    await site.served(node, "early", ["early.example.com"])
  })

  test("in the future changes nothing, and is not asked for again before its time", async () => {
    offer(() => ({ status: 200, headers: { "retry-after": "5" }, body: window(hours(24), hours(48)) }))
    const node = await issued("later")
    await until("the question", () => asked().length === 1, node)
    await site.request(node, "other", ["other.example.com"])
    await site.reaches(node, "other", "completed")
    await until("the other question", () => asked().length === 2, node)
    expect(renewals(node, "later")).toBe(0)
    node.clock.offset = 61_000
    await until("the next question", () => asked().length === 4, node)
    node.clock.offset = 49 * 3_600_000
    await until("the renewal", () => renewals(node, "later") === 1, node)
  })

  test.each([
    ["an error", { status: 500, body: "" }],
    ["garbage", { status: 200, body: "<html>" }],
    ["a window that is none", { status: 200, body: window("soon", "later") }],
  ])("%s leaves the rule of one third", async (_name, answer) => {
    offer(() => answer)
    const node = await issued("plain")
    await until("the question", () => asked().length === 1, node)
    node.clock.offset = 65 * 86_400_000
    await until("the renewal", () => renewals(node, "plain") === 1, node)
  })

  test("an order that says what it replaces, and is refused for that, is made without it", async () => {
    offer(() => ({ status: 200, body: window(hours(-2), hours(-1)) }))
    const node = await issued("replaced")
    const offering = site.relay.fault
    let refused = 0
    const problem = { type: "urn:ietf:params:acme:error:alreadyReplaced", detail: "it has been replaced" }
    site.relay.fault = (method, path) =>
      path === "/order-plz" && refused++ === 0
        ? { kind: "answer", status: 409, body: JSON.stringify(problem) }
        : offering(method, path)
    const { key_ref } = node.certificate("replaced").material!
    await until("a renewal", () => node.certificate("replaced").material!.key_ref !== key_ref, node)
    expect(node.logLines.join("")).toContain("acme_replaces_refused")
    expect(node.history("replaced")).not.toContain("CertificateAttemptFailed")
  })
})
