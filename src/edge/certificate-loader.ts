import { X509Certificate, createPrivateKey } from "node:crypto"
import type { Certificate, CertificateMaterial } from "../events/certificate.ts"
import {
  type CertificateIndex,
  dropCandidate,
  emptyIndex,
  isFor,
  putCandidate,
} from "../events/certificate-selection.ts"
import type { CertificateSource } from "../projections/tls-certificates.ts"
import { type Logger, reason } from "../platform/log.ts"
import { type SecureContext, createSecureContext } from "node:tls"
import type { CrashPoint } from "../platform/crash-point.ts"

/** A certificate whose key was opened and found to match. */
export interface LoadedCertificate {
  readonly cert_name: string
  readonly domains: readonly string[]
  readonly owner: string
  readonly material: CertificateMaterial
  readonly key: string
  /** Made at the first handshake that needs it: 31 KB and 205 µs each. */
  context: SecureContext | undefined
}

/** What the loader needs. */
export interface LoaderParts {
  readonly certificates: CertificateSource
  /** Opens a private key (PKCS #8 or SEC1, PEM) by its vault reference. */
  readonly openKey: (keyRef: string) => Promise<string>
  readonly log: Logger
  readonly crash: CrashPoint
  readonly clock: () => Date
}

/** Keeps the index of certificates that can be served in step with the log. */
export interface CertificateLoader {
  readonly index: CertificateIndex<LoadedCertificate>
  /** Settles when everything that is known now was tried once. */
  idle(): Promise<void>
  /** Settles when what is on its way for this host was tried; undefined when nothing is. @param hostname lower case, A-labels */
  loading(hostname: string): Promise<void> | undefined
  /** Tries again what could not be loaded because its key could not be had. */
  retry(): void
  close(): void
}

const mostAtOnce = 8

/**
 * Loads keys in the background. A name keeps what it served until its new certificate is loaded; what must be refused
 * (key does not match, names not covered, expired) never replaces anything.
 */
export function certificateLoader({ certificates, openKey, log, crash, clock }: LoaderParts): CertificateLoader {
  const index = emptyIndex<LoadedCertificate>()
  const waiting = new Set<string>()
  const failed = new Set<string>()
  const running = new Set<{ readonly id: string; readonly task: Promise<void> }>()
  let closed = false

  function refresh(id: string): void {
    const certificate = certificates.get(id)
    const current = index.byName.get(id)
    failed.delete(id)
    if (certificate === undefined || certificate.material === null) {
      waiting.delete(id)
      return dropCandidate(index, id)
    }
    if (current?.material.fingerprint_sha256 !== certificate.material.fingerprint_sha256) waiting.add(id)
    else if (current.owner !== certificate.owner) putCandidate(index, { ...current, owner: certificate.owner })
  }

  function work(): void {
    for (const id of waiting) {
      if (closed || running.size >= mostAtOnce) return
      waiting.delete(id)
      const one = {
        id,
        task: load(id).finally(() => {
          running.delete(one)
          work()
        }),
      }
      running.add(one)
    }
  }

  async function load(id: string): Promise<void> {
    const certificate = certificates.get(id)
    if (certificate?.material === undefined || certificate.material === null) return
    const { material } = certificate
    let key: string
    try {
      key = await openKey(material.key_ref)
    } catch (error) {
      failed.add(id)
      return log.error("certificate_key_unavailable", { cert_name: certificate.cert_name, reason: reason(error) })
    }
    const latest = certificates.get(id)
    if (closed || latest?.material?.fingerprint_sha256 !== material.fingerprint_sha256) return
    const fault = faultOf(latest, material, key, clock(), index.byName.get(id))
    if (fault !== undefined) return log.error("certificate_refused", { cert_name: latest.cert_name, reason: fault })
    const { cert_name, domains, owner } = latest
    putCandidate(index, { cert_name, domains, owner, material, key, context: undefined })
    log.info("certificate_loaded", { cert_name, fingerprint_sha256: material.fingerprint_sha256 })
    crash("acme.certLoaded")
  }

  for (const name of certificates.names()) refresh(name)
  work()
  const stop = certificates.onChange((names) => {
    for (const name of names) refresh(name)
    work()
  })
  return {
    index,
    async idle() {
      while (running.size > 0) await Promise.all([...running].map(({ task }) => task))
    },
    loading(hostname) {
      const wanted = (id: string) => {
        const certificate = certificates.get(id)
        return certificate !== undefined && isFor(certificate, hostname)
      }
      for (const { id, task } of running) if (wanted(id)) return task
      return [...waiting].some(wanted) ? this.idle() : undefined
    },
    retry() {
      for (const id of failed) waiting.add(id)
      failed.clear()
      work()
    },
    close() {
      closed = true
      stop()
    },
  }
}

/** Why material must not be served, or undefined. */
function faultOf(
  { domains }: Certificate,
  material: CertificateMaterial,
  key: string,
  now: Date,
  current: LoadedCertificate | undefined,
): string | undefined {
  try {
    const leaf = new X509Certificate(material.fullchain_pem)
    if (!leaf.checkPrivateKey(createPrivateKey(key))) return "the key does not match"
    const names = alternativeNames(leaf)
    const missing = domains.find((domain) => !names.has(domain))
    if (missing !== undefined) return `it does not cover ${missing}`
    // An expired one is better than none: it stays below every valid one in the selection.
    const stillGood = current !== undefined && Date.parse(current.material.expires_at) > now.getTime()
    return leaf.validToDate <= now && stillGood ? "it has expired" : undefined
  } catch (error) {
    return reason(error)
  }
}

function alternativeNames(leaf: X509Certificate): Set<string> {
  const entries = (leaf.subjectAltName ?? "").split(", ")
  return new Set(
    entries.map((entry) => {
      const [kind, ...rest] = entry.split(":")
      const name = rest.join(":").toLowerCase()
      return kind === "IP Address" ? shortAddress(name) : name
    }),
  )
}

/** OpenSSL writes IPv6 addresses in full; certificate names are compressed. */
function shortAddress(address: string): string {
  return address.includes(":") ? (URL.parse(`http://[${address}]`)?.hostname.slice(1, -1) ?? address) : address
}

/** TLS 1.2 and 1.3 only. */
export const protocols = { minVersion: "TLSv1.2", maxVersion: "TLSv1.3" } as const

/** The context of a loaded certificate, made once. */
export function contextOf(certificate: LoadedCertificate): SecureContext {
  const { key, material } = certificate
  return (certificate.context ??= createSecureContext({ key, cert: material.fullchain_pem, ...protocols }))
}
