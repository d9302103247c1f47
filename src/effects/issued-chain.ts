import { X509Certificate, createHash, createPrivateKey } from "node:crypto"
import { isIP } from "node:net"

/** Facts about a chain that may be served. */
export interface IssuedChain {
  /** PEM, leaf first, nothing else. */
  readonly fullchain_pem: string
  /** Start of validity, ISO 8601. */
  readonly issued_at: string
  readonly expires_at: string
  /** SHA-256 of the leaf's DER, 64 lower-case hex digits. */
  readonly fingerprint_sha256: string
}

/** A chain that must not be served; the message says why. `early` means that it only begins later. */
export class ChainError extends Error {
  override name = "ChainError"
  readonly early: boolean

  constructor(message: string, early = false) {
    super(message)
    this.early = early
  }
}

/** Start of validity that may lie ahead: an issuer's clock is not ours. */
const skew = 60_000
const longest = 10

/**
 * Checks what an issuer sent before anything is made of it: it parses, each certificate is signed by the next, the leaf is
 * for exactly these names and this key, and it is valid now.
 * @param keyPem private key, PKCS #8
 * @throws ChainError
 */
export function verifyChain(pem: string, keyPem: string, domains: readonly string[], now: Date): IssuedChain {
  const chain = parseChain(pem)
  const leaf = chain[0]!
  if (leaf.ca) throw new ChainError("the first certificate is an authority's")
  if (!leaf.checkPrivateKey(createPrivateKey(keyPem))) throw new ChainError("the certificate is for another key")
  refuseOtherNames(leaf, domains)
  refuseBrokenLinks(chain)
  if (leaf.validToDate <= now) throw new ChainError(`the certificate expired at ${leaf.validToDate.toISOString()}`)
  if (leaf.validFromDate.getTime() > now.getTime() + skew)
    throw new ChainError(`the certificate begins only at ${leaf.validFromDate.toISOString()}`, true)
  return {
    fullchain_pem: chain.map(String).join(""),
    issued_at: leaf.validFromDate.toISOString(),
    expires_at: leaf.validToDate.toISOString(),
    fingerprint_sha256: createHash("sha256").update(leaf.raw).digest("hex"),
  }
}

function parseChain(pem: string): X509Certificate[] {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----/g) ?? []
  if (blocks.length === 0 || blocks.length > longest)
    throw new ChainError(`${blocks.length} certificates in the answer`)
  try {
    return blocks.map((block) => new X509Certificate(block))
  } catch (error) {
    throw new ChainError(`a certificate does not parse: ${(error as Error).message}`)
  }
}

function refuseBrokenLinks(chain: readonly X509Certificate[]): void {
  for (const [index, issuer] of chain.slice(1).entries()) {
    const subject = chain[index]!
    if (!issuer.ca || !subject.checkIssued(issuer) || !subject.verify(issuer.publicKey))
      throw new ChainError(`certificate ${index + 1} of the chain is not signed by the next`)
  }
}

function refuseOtherNames(leaf: X509Certificate, domains: readonly string[]): void {
  const names = (leaf.subjectAltName ?? "").split(", ").map(alternativeName).sort()
  const wanted = domains.map(comparable).sort()
  if (names.length !== wanted.length || names.some((name, index) => name !== wanted[index]))
    throw new ChainError("the certificate is for other names")
}

/** `DNS:a.example` or `IP Address:127.0.0.1` as Node prints them. */
function alternativeName(text: string): string {
  return comparable(text.replace(/^(DNS|IP Address):/, ""))
}

/** One spelling for each name: lower case, IPv6 compressed. */
function comparable(name: string): string {
  return isIP(name) === 6 ? URL.parse(`http://[${name}]`)!.hostname.slice(1, -1) : name.toLowerCase()
}
