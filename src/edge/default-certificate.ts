import "reflect-metadata"
import * as x509 from "@peculiar/x509"
import { Crypto } from "@peculiar/webcrypto"
import { createPrivateKey } from "node:crypto"
import { isIP } from "node:net"

/** Certificate and key as PEM; the key is PKCS #8. */
export interface SelfSigned {
  readonly certificate: string
  readonly key: string
  readonly expiresAt: Date
}

const day = 86_400_000
const skew = 60_000

/**
 * A self-signed P-256 certificate for clients without SNI and for hosts that have none yet.
 * @param commonName host name or IP address; also its only alternative name
 */
export async function selfSigned(commonName: string, days: number, now: Date): Promise<SelfSigned> {
  const webcrypto = new Crypto()
  const pair = await webcrypto.subtle.generateKey({ name: "ECDSA", namedCurve: "P-256" }, true, ["sign", "verify"])
  const expiresAt = new Date(now.getTime() + days * day)
  const certificate = await x509.X509CertificateGenerator.createSelfSigned(
    {
      name: [{ CN: [commonName] }],
      keys: pair,
      signingAlgorithm: { name: "ECDSA", hash: "SHA-256" },
      notBefore: new Date(now.getTime() - skew),
      notAfter: expiresAt,
      extensions: [
        new x509.BasicConstraintsExtension(false, undefined, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
        new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
        new x509.SubjectAlternativeNameExtension([{ type: isIP(commonName) === 0 ? "dns" : "ip", value: commonName }]),
      ],
    },
    webcrypto,
  )
  const pkcs8 = await webcrypto.subtle.exportKey("pkcs8", pair.privateKey)
  const key = createPrivateKey({ key: Buffer.from(pkcs8), format: "der", type: "pkcs8" })
  return {
    certificate: `${certificate.toString("pem")}\n`,
    key: key.export({ format: "pem", type: "pkcs8" }).toString(),
    expiresAt,
  }
}
