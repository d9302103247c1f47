import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { createInternalAuthority, signCertificate } from "../../src/effects/internal-authority.ts"
import { X509Certificate } from "node:crypto"
import { execFileSync } from "node:child_process"
import { generateKey, signingRequest } from "../../src/effects/keys.ts"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { tmpdir } from "node:os"
import { verifyChain } from "../../src/effects/issued-chain.ts"

const now = new Date()
let directory: string
let authority: Awaited<ReturnType<typeof createInternalAuthority>>

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), "gatehouse-ca-"))
  authority = await createInternalAuthority(now)
  writeFileSync(join(directory, "ca.pem"), authority.certificatePem)
})
afterAll(() => rmSync(directory, { recursive: true }))

function openssl(...words: string[]): string {
  return execFileSync("openssl", words, { cwd: directory, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] })
}

async function leafFile(domains: string[], type: "rsa" | "ecdsa-p256" = "ecdsa-p256"): Promise<string> {
  const chain = await signCertificate(authority, domains, await generateKey(type, 2048), now)
  writeFileSync(join(directory, "leaf.pem"), chain)
  return chain
}

describe("the internal authority", () => {
  test("is a CA that signs leaf certificates only, for ten years", () => {
    const text = openssl("x509", "-in", "ca.pem", "-noout", "-text")
    expect(text).toContain("CA:TRUE, pathlen:0")
    expect(text).toMatch(/X509v3 Basic Constraints: critical/)
    expect(text).toContain("Subject Key Identifier")
    const years = (authority.expiresAt.getTime() - now.getTime()) / 86_400_000 / 365
    expect(Math.round(years)).toBe(10)
    expect(openssl("verify", "-x509_strict", "-CAfile", "ca.pem", "ca.pem")).toContain("OK")
  })

  test.each(["rsa", "ecdsa-p256"] as const)(
    "signs %s leaves that openssl accepts for host, wildcard and address",
    async (type) => {
      await leafFile(["mcp.test", "*.mcp.test", "127.0.0.1", "2001:db8::1"], type)
      const verify = (...words: string[]) =>
        openssl("verify", "-x509_strict", "-purpose", "sslserver", "-CAfile", "ca.pem", ...words, "leaf.pem")
      expect(verify("-verify_hostname", "mcp.test")).toContain("OK")
      expect(verify("-verify_hostname", "a.mcp.test")).toContain("OK")
      expect(verify("-verify_ip", "127.0.0.1")).toContain("OK")
      expect(verify("-verify_ip", "2001:db8::1")).toContain("OK")
      expect(() => verify("-verify_hostname", "other.test")).toThrow()
    },
  )

  test("does not let a leaf live longer than 90 days or begin in the future", async () => {
    const leaf = new X509Certificate(await leafFile(["mcp.test"]))
    expect(leaf.validToDate.getTime() - now.getTime()).toBeLessThanOrEqual(90 * 86_400_000)
    expect(leaf.validFromDate.getTime()).toBeLessThan(now.getTime() - 59_000)
  })

  test("does not let a leaf outlive the authority", async () => {
    const late = new Date(authority.expiresAt.getTime() - 86_400_000)
    const chain = await signCertificate(authority, ["mcp.test"], await generateKey("ecdsa-p256", 0), late)
    expect(new X509Certificate(chain).validToDate).toEqual(authority.expiresAt)
  })

  test("certifies a name longer than a common name may be", async () => {
    const name = `${"a".repeat(60)}.${"b".repeat(60)}.test`
    await leafFile([name])
    expect(openssl("verify", "-CAfile", "ca.pem", "-verify_hostname", name, "leaf.pem")).toContain("OK")
  })
})

describe("a signing request", () => {
  test.each(["rsa", "ecdsa-p256"] as const)("of a %s key is well signed and names every domain", async (type) => {
    const pem = await signingRequest(["a.example.com", "b.example.com"], await generateKey(type, 2048))
    writeFileSync(join(directory, "request.pem"), pem)
    const text = openssl("req", "-in", "request.pem", "-noout", "-text", "-verify")
    expect(text).toContain("DNS:a.example.com, DNS:b.example.com")
    expect(text).toContain(type === "rsa" ? "2048 bit" : "prime256v1")
  })
})

describe("a chain is refused", () => {
  test("when it is for another key, other names, out of date, broken or garbage", async () => {
    const key = await generateKey("ecdsa-p256", 0)
    const other = await generateKey("ecdsa-p256", 0)
    const chain = await signCertificate(authority, ["a.test", "::1"], key, now)
    const foreign = await createInternalAuthority(now)
    const [leaf] = chain.split(/(?<=END CERTIFICATE-----\n)/)
    const check =
      (pem: string, keyPem = key.pem, domains = ["a.test", "::1"], at = now) =>
      () =>
        verifyChain(pem, keyPem, domains, at)

    expect(check(chain)()).toMatchObject({ fingerprint_sha256: expect.stringMatching(/^[0-9a-f]{64}$/) })
    expect(check(chain, other.pem)).toThrow("another key")
    expect(check(chain, key.pem, ["a.test"])).toThrow("other names")
    expect(check(chain, key.pem, ["a.test", "b.test"])).toThrow("other names")
    expect(check(chain, key.pem, ["a.test", "::1"], new Date(now.getTime() + 91 * 86_400_000))).toThrow("expired")
    expect(check(chain, key.pem, ["a.test", "::1"], new Date(now.getTime() - 86_400_000))).toThrow("begins only")
    expect(check(leaf! + foreign.certificatePem)).toThrow("not signed by the next")
    expect(check(authority.certificatePem, authority.keyPem)).toThrow("authority's")
    expect(check("<html>502</html>")).toThrow("0 certificates")
    expect(check("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----")).toThrow("does not parse")
  })
})
