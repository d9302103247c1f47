import "reflect-metadata"
import * as x509 from "@peculiar/x509"
import * as z from "zod"
import { type AcmeTransport, acmeTransport } from "./acme-transport.ts"
import { type Certificate, isOpen } from "../events/certificate.ts"
import type { EffectContext } from "./effect-context.ts"
import { all } from "../events/world.ts"
import { createHash } from "node:crypto"
import { reason } from "../platform/log.ts"
import { retryAfterOf } from "./acme-error.ts"
import { setTimeout } from "node:timers/promises"

/** What CAs say about when to renew (RFC 9773). It can only make a renewal earlier: the rule of one third stands. */
export interface RenewalInformation {
  /** Instant within the suggested window, milliseconds since the epoch; undefined when the CA has said nothing. */
  suggested(certificate: Certificate): number | undefined
  /** Does the directory want to know which certificate a new order replaces (RFC 9773 §5)? */
  offeredBy(directoryUrl: string): boolean
  /** Asks the CAs again and again until `signal` is aborted. @param changed called after each new window */
  follow(signal: AbortSignal, changed: () => void): Promise<void>
}

const Directory = z.object({ renewalInfo: z.url().max(2048).optional() })
const Window = z.object({
  suggestedWindow: z.object({ start: z.iso.datetime({ offset: true }), end: z.iso.datetime({ offset: true }) }),
})

const minute = 60_000
const hour = 60 * minute
const tickMs = 1000
/** Time to the next question when the CA names none, and after a failure. */
const usualPause = 6 * hour
const directoryPause = 24 * hour

/** Asks about the certificates in the projections. */
export function renewalInformation(context: EffectContext): RenewalInformation {
  const { projections, config, now, log } = context
  const windows = new Map<string, { suggested: number | undefined; askAt: number }>()
  const directories = new Map<string, { url: string | undefined; askAt: number }>()

  async function service(directoryUrl: string, transport: AcmeTransport): Promise<string | undefined> {
    const known = directories.get(directoryUrl)
    if (known !== undefined && now().getTime() < known.askAt) return known.url
    const { body } = await transport.get(directoryUrl)
    const url = Directory.parse(body).renewalInfo
    directories.set(directoryUrl, { url, askAt: now().getTime() + directoryPause })
    return url
  }

  /** @returns undefined when the directory offers nothing */
  async function ask(directoryUrl: string, chainPem: string, fingerprint: string, transport: AcmeTransport) {
    const url = await service(directoryUrl, transport)
    if (url === undefined) return { suggested: undefined, askAt: now().getTime() + directoryPause }
    const { body, headers } = await transport.get(`${url.replace(/\/$/, "")}/${certificateId(chainPem)}`)
    const { start, end } = Window.parse(body).suggestedWindow
    const pause = retryAfterOf(headers["retry-after"]?.toString(), now()) ?? usualPause
    return {
      suggested: within(Date.parse(start), Date.parse(end), fingerprint),
      askAt: now().getTime() + Math.max(pause, minute),
    }
  }

  async function refresh(certificate: Certificate, signal: AbortSignal): Promise<void> {
    const { cert_name, acme_directory_url, material } = certificate
    const { fingerprint_sha256: fingerprint, fullchain_pem } = material!
    const transport = acmeTransport(acme_directory_url!, signal, config.ACME_HTTP_TIMEOUT * 1000, now)
    try {
      windows.set(fingerprint, await ask(acme_directory_url!, fullchain_pem, fingerprint, transport))
    } catch (error) {
      if (signal.aborted) return
      log.warning("renewal_information_unknown", { certificate: cert_name, reason: reason(error) })
      windows.set(fingerprint, { suggested: windows.get(fingerprint)?.suggested, askAt: now().getTime() + usualPause })
    } finally {
      await transport.close()
    }
  }

  return {
    suggested: ({ material }) => (material === null ? undefined : windows.get(material.fingerprint_sha256)?.suggested),
    offeredBy: (directoryUrl) => directories.get(directoryUrl)?.url !== undefined,
    async follow(signal, changed) {
      while (!signal.aborted) {
        const served = [...all(projections.world, "certificate")].filter(isFollowed)
        const present = new Set(served.map(({ material }) => material!.fingerprint_sha256))
        for (const fingerprint of windows.keys()) if (!present.has(fingerprint)) windows.delete(fingerprint)
        for (const certificate of served) {
          if (signal.aborted || now().getTime() < (windows.get(certificate.material!.fingerprint_sha256)?.askAt ?? 0))
            continue
          await refresh(certificate, signal)
          changed()
        }
        await setTimeout(tickMs, undefined, { signal }).catch(() => undefined)
      }
    },
  }
}

/** Certificates that a directory can be asked about. */
function isFollowed({ issuer, acme_directory_url, material, generation, environment }: Certificate): boolean {
  const ours = issuer === "acme" && acme_directory_url !== null && material?.environment === environment
  return ours && !isOpen(generation)
}

/** Unique identifier of a certificate: its authority's key identifier and its serial number (RFC 9773 §4.1). */
export function certificateId(chainPem: string): string {
  const leaf = new x509.X509Certificate(chainPem)
  const keyId = leaf.getExtension(x509.AuthorityKeyIdentifierExtension)?.keyId
  if (keyId === undefined) throw new Error("the certificate names no authority key")
  const hex = leaf.serialNumber.padStart(leaf.serialNumber.length + (leaf.serialNumber.length % 2), "0")
  const serial = /^[89a-f]/i.test(hex) ? `00${hex}` : hex
  return [keyId, serial].map((part) => Buffer.from(part, "hex").toString("base64url")).join(".")
}

/** An instant of the window that is the same on every node and after every restart, and differs between certificates. */
function within(start: number, end: number, fingerprint: string): number {
  const fraction = createHash("sha256").update(fingerprint).digest().readUInt32BE() / 2 ** 32
  return start + Math.max(end - start, 0) * fraction
}
