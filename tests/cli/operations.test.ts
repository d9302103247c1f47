import { describe, expect, test } from "vitest"
import { cliWithOwner, cli } from "./cli-with-owner.ts"

cliWithOwner()

describe("operations", () => {
  test("take their parameters as flags, and ask before they delete", async () => {
    const created = await cli([
      "createCertificate",
      "--domain",
      "op.internal",
      "--cert-name",
      "op",
      "--key-type",
      "ecdsa-p256",
    ])
    expect(created.json()["cert_name"]).toBe("op")
    expect((await cli(["deleteCertificate", "--cert-name", "op"])).code).toBe(3)
    expect((await cli(["deleteCertificate", "--cert-name", "op", "--yes"])).code).toBe(0)
    expect(
      (await cli(["listEvents", "--type", "CertificateDeleted", "--page", "1"])).json<{ events: object[] }>().events
        .length,
    ).toBeGreaterThan(0)
  })

  test("health says by its exit code whether all is well", async () => {
    const healthy = await cli(["health"])
    expect([healthy.code, healthy.json()["status"]]).toEqual([0, "healthy"])
    expect((await cli(["stats"])).json()["proxies"]).toBeDefined()
  })

  test("and recipes explain themselves", async () => {
    const all = (await cli(["--help"])).out
    expect(all).toContain("cert-create-wildcard")
    expect(all).toContain("getCertificateCoverage")
    expect((await cli(["proxy-mcp-enable", "--help"])).out).toMatch(
      /^just proxy-mcp-enable <hostname> <token> \[endpoint\]/,
    )
    const help = (await cli(["createProxy", "--help"])).out
    expect(help).toContain("POST /api/v1/proxy/targets")
    expect(help).toMatch(/--target-url {2}string, required/)
  })
})
