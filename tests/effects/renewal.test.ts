import { acmeSite, until } from "./acme-site.ts"
import { describe, expect, test } from "vitest"
import { startPebble } from "../support/pebble.ts"

const site = acmeSite()

describe("renewal", () => {
  test("comes before a short-lived certificate ends, with a new key; a failure takes nothing away", async () => {
    const brief = await startPebble({ certificateValidityPeriod: 10, httpPort: site.pebble.httpPort })
    const node = await site.start({ ACME_DIRECTORY_URL: brief.directoryUrl, ACME_STAGING_URL: brief.directoryUrl })
    await site.request(node, "brief", ["brief.example.com"])
    await site.reaches(node, "brief", "completed")
    const { material: first } = node.certificate("brief")
    await until(
      "a second certificate",
      () => node.certificate("brief").material!.key_ref !== first!.key_ref,
      node,
      12_000,
    )
    expect(Date.now()).toBeLessThan(Date.parse(first!.expires_at))
    expect(node.history("brief").filter((type) => type === "CertificateRenewalRequested")).toHaveLength(1)
    expect(await node.store.secret(first!.key_ref)).toBeUndefined()

    await brief.kill()
    const { material: second } = node.certificate("brief")
    await until("a failed renewal", () => node.certificate("brief").generation.last_error !== null, node, 15_000)
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
