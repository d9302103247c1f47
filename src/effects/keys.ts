import "reflect-metadata"
import * as x509 from "@peculiar/x509"
import { createPrivateKey, webcrypto } from "node:crypto"
import type { KeyObject } from "node:crypto"
import type { Certificate } from "../events/certificate.ts"
import { isIP } from "node:net"

/** Kinds of keys, in WebCrypto's words. */
const algorithms = {
  "ecdsa-p256": () => ({ name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" }),
  rsa: (bits: number) => ({
    name: "RSASSA-PKCS1-v1_5",
    hash: "SHA-256",
    modulusLength: bits,
    publicExponent: new Uint8Array([1, 0, 1]),
  }),
} as const

/** A new key pair in both forms that its users need. */
export interface CertificateKey {
  /** PKCS #8, PEM. */
  readonly pem: string
  readonly pair: webcrypto.CryptoKeyPair
}

/**
 * A new key pair.
 * @param rsaBits modulus of an RSA key; ignored for P-256
 */
export async function generateKey(type: Certificate["key_type"], rsaBits: number): Promise<CertificateKey> {
  const pair = await webcrypto.subtle.generateKey(algorithms[type](rsaBits), true, ["sign", "verify"])
  const pkcs8 = await webcrypto.subtle.exportKey("pkcs8", pair.privateKey)
  const key = createPrivateKey({ key: Buffer.from(pkcs8), format: "der", type: "pkcs8" })
  return { pem: pemOf(key), pair }
}

/** WebCrypto form of a stored P-256 signing key. @param pem PKCS #8 */
export function importSigningKey(pem: string): Promise<webcrypto.CryptoKey> {
  const der = createPrivateKey(pem).export({ format: "der", type: "pkcs8" })
  return webcrypto.subtle.importKey("pkcs8", der, algorithms["ecdsa-p256"](), false, ["sign"])
}

/**
 * Certificate signing request (RFC 2986, PEM) that carries the names only as subject alternative names (RFC 8555 §7.4).
 */
export async function signingRequest(domains: readonly string[], key: CertificateKey): Promise<string> {
  const request = await x509.Pkcs10CertificateRequestGenerator.create({
    keys: key.pair,
    signingAlgorithm: { ...key.pair.privateKey.algorithm, hash: "SHA-256" },
    extensions: [alternativeNames(domains)],
  })
  return `${request.toString("pem")}\n`
}

/** Subject alternative names (RFC 5280 §4.2.1.6) of host names and IP addresses. */
export function alternativeNames(domains: readonly string[]): x509.SubjectAlternativeNameExtension {
  return new x509.SubjectAlternativeNameExtension(
    domains.map((value) => ({ type: isIP(value) === 0 ? "dns" : "ip", value }) as const),
  )
}

function pemOf(key: KeyObject): string {
  return key.export({ format: "pem", type: "pkcs8" }).toString()
}
