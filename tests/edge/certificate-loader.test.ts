import { expect, it } from "vitest"
import { X509Certificate } from "node:crypto"
import { certificateLoader, contextOf } from "../../src/edge/certificate-loader.ts"
import { certificateSource } from "../../src/projections/tls-certificates.ts"
import { logger } from "../../src/platform/log.ts"
import { selfSigned } from "../../src/edge/default-certificate.ts"
import { testProjections } from "../support/projections.ts"

async function setup(openKey: (key: string) => Promise<string>) {
  const projections = testProjections()
  const made = await selfSigned("a.test", 30, new Date())
  projections.append("certificate", "one", "CertificateRequested", {
    cert_name: "One",
    domains: ["a.test"],
    email: null,
    issuer: "internal",
    acme_directory_url: null,
    environment: "internal",
    key_type: "ecdsa-p256",
    owner: "alice",
  })
  projections.append("certificate", "one", "CertificateIssued", {
    fullchain_pem: made.certificate,
    key_ref: "cert-key-1",
    issued_at: new Date().toISOString(),
    expires_at: made.expiresAt.toISOString(),
    fingerprint_sha256: new X509Certificate(made.certificate).fingerprint256,
    environment: "internal",
  })
  const lines: string[] = []
  const crash: string[] = []
  const loader = certificateLoader({
    certificates: certificateSource(projections),
    openKey: () => openKey(made.key),
    log: logger(
      "DEBUG",
      () => new Date(),
      (line) => lines.push(line),
    ),
    crash: (name) => crash.push(name),
    clock: () => new Date(),
  })
  return { projections, loader, made, lines, crash }
}

it("what is in the log at the start is loaded, and its context is made once", async () => {
  const { loader, crash } = await setup((key) => Promise.resolve(key))
  await loader.idle()
  const loaded = loader.index.byName.get("one")!
  expect(loaded.context).toBeUndefined()
  expect(contextOf(loaded)).toBe(contextOf(loaded))
  expect(crash).toEqual(["acme.certLoaded"])
  loader.close()
})

it("a key that cannot be had is asked for again", async () => {
  let away = true
  const { loader, lines } = await setup((key) =>
    away ? Promise.reject(new Error("the store is away")) : Promise.resolve(key),
  )
  await loader.idle()
  expect(loader.index.byName.size).toBe(0)
  expect(lines.join("")).toContain("certificate_key_unavailable")
  away = false
  loader.retry()
  await loader.idle()
  expect(loader.index.byName.size).toBe(1)
  loader.close()
})

it("a certificate that is deleted while its key is being opened is not served", async () => {
  const gate = Promise.withResolvers<string>()
  const { projections, loader, made } = await setup(() => gate.promise)
  projections.append("certificate", "one", "CertificateDeleted", { cert_name: "One" })
  gate.resolve(made.key)
  await loader.idle()
  expect(loader.index.byName.size).toBe(0)
  loader.close()
})

it("a new owner is known at once, without another look at the key", async () => {
  let asked = 0
  const { projections, loader } = await setup((key) => {
    asked += 1
    return Promise.resolve(key)
  })
  await loader.idle()
  projections.append("certificate", "one", "CertificateReassigned", { owner: "bob" })
  await loader.idle()
  expect(loader.index.byName.get("one")?.owner).toBe("bob")
  expect(asked).toBe(1)
  loader.close()
})
