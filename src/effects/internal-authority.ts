import "reflect-metadata"
import * as x509 from "@peculiar/x509"
import { type CertificateKey, alternativeNames, generateKey, importSigningKey } from "./keys.ts"

const day = 86_400_000
const authorityDays = 3650
/** Below every limit that clients put on a certificate's lifetime. */
const leafDays = 90
/** A client whose clock is a little behind accepts a certificate that was just made. */
const skew = 60_000

/** Certificate and key of Gatehouse's own certificate authority. */
export interface InternalAuthority {
  readonly certificatePem: string
  /** PKCS #8, PEM. */
  readonly keyPem: string
}

/** A new authority: P-256, ten years, may sign leaf certificates only (RFC 5280 §4.2.1.9). */
export async function createInternalAuthority(now: Date): Promise<InternalAuthority & { readonly expiresAt: Date }> {
  const key = await generateKey("ecdsa-p256", 0)
  const expiresAt = new Date(now.getTime() + authorityDays * day)
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    name: [{ O: ["Gatehouse"] }, { CN: ["Gatehouse internal CA"] }],
    keys: key.pair,
    signingAlgorithm: { name: "ECDSA", hash: "SHA-256" },
    notBefore: wholeSeconds(now.getTime() - skew),
    notAfter: wholeSeconds(expiresAt.getTime()),
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(key.pair.publicKey),
      await x509.AuthorityKeyIdentifierExtension.create(key.pair.publicKey),
    ],
  })
  return { certificatePem: `${certificate.toString("pem")}\n`, keyPem: key.pem, expiresAt: certificate.notAfter }
}

/**
 * Signs a server certificate for host names, wildcards and IP addresses.
 * @returns chain as PEM, leaf first; it never outlives the authority
 */
export async function signCertificate(
  authority: InternalAuthority,
  domains: readonly string[],
  key: CertificateKey,
  now: Date,
): Promise<string> {
  const issuer = new x509.X509Certificate(authority.certificatePem)
  const notAfter = Math.min(now.getTime() + leafDays * day, issuer.notAfter.getTime())
  const leaf = await x509.X509CertificateGenerator.create({
    // Only the alternative names count (RFC 9525 §6.3); a name longer than a common name may be is left out of the subject.
    subject: domains[0]!.length <= 64 ? [{ CN: [domains[0]!] }] : [{ O: ["Gatehouse"] }],
    issuer: issuer.subjectName,
    publicKey: key.pair.publicKey,
    signingKey: await importSigningKey(authority.keyPem),
    signingAlgorithm: { name: "ECDSA", hash: "SHA-256" },
    notBefore: wholeSeconds(now.getTime() - skew),
    notAfter: wholeSeconds(notAfter),
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(keyUsage(key), true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
      alternativeNames(domains),
      await x509.SubjectKeyIdentifierExtension.create(key.pair.publicKey),
      await x509.AuthorityKeyIdentifierExtension.create(issuer),
    ],
  })
  return `${leaf.toString("pem")}\n${authority.certificatePem}`
}

/** RSA keys may also carry a TLS 1.2 key exchange; EC keys only sign. */
function keyUsage(key: CertificateKey): x509.KeyUsageFlags {
  const { digitalSignature, keyEncipherment } = x509.KeyUsageFlags
  return key.pair.publicKey.algorithm.name === "ECDSA" ? digitalSignature : digitalSignature | keyEncipherment
}

/** Certificates have no fractions of a second. */
function wholeSeconds(milliseconds: number): Date {
  return new Date(Math.floor(milliseconds / 1000) * 1000)
}
