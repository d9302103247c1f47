import { acmeSite, until } from "./acme-site.ts"
import { describe, expect, test } from "vitest"
import { startPebble } from "../support/pebble.ts"

const site = acmeSite()

describe("renewal", () => {
  test("comes before a short-lived certificate ends, with a new key; a failure takes nothing away", async () => {
    const brief = await startPebble({ certificateValidityPeriod: 3600, httpPort: site.pebble.httpPort })
    const node = await site.start({ ACME_DIRECTORY_URL: brief.directoryUrl, ACME_STAGING_URL: brief.directoryUrl })
    await site.request(node, "brief", ["brief.example.com"])
    await site.reaches(node, "brief", "completed")
    const { material: first } = node.certificate("brief")
    const minutes = (count: number) => count * 60_000
    // Two thirds of its life: not before, and long before its end.
    node.clock.offset = minutes(35)
    await site.request(node, "other", ["other.example.com"])
    await site.reaches(node, "other", "completed")
    expect(node.certificate("brief").material).toEqual(first)
    node.clock.offset = minutes(45)
    await until("a second certificate", () => node.certificate("brief").material!.key_ref !== first!.key_ref, node)
    expect(Date.now() + node.clock.offset).toBeLessThan(Date.parse(first!.expires_at))
    expect(node.history("brief").filter((type) => type === "CertificateRenewalRequested")).toHaveLength(1)
    expect(await node.store.secret(first!.key_ref)).toBeUndefined()

    await brief.kill()
    const { material: second } = node.certificate("brief")
    node.clock.offset += minutes(45)
    await until("a failed renewal", () => node.certificate("brief").generation.last_error !== null, node)
    expect(node.certificate("brief").material).toEqual(second)
    await brief.stop()
  })

  test("is no storm when the clock is months ahead", async () => {
    const node = await site.start()
    await site.request(node, "calm", ["calm.example.com"])
    await site.reaches(node, "calm", "completed")
    node.clock.offset = 70 * 86_400_000
    await until(
      "a renewal",
      () => node.history("calm").filter((type) => type === "CertificateIssued").length === 2,
      node,
    )
    await site.request(node, "other", ["other.example.com"])
    await site.reaches(node, "other", "completed")
    await new Promise((resolve) => setTimeout(resolve, 100))
    expect(node.history("calm").filter((type) => type === "CertificateRenewalRequested")).toHaveLength(1)
  })
})
