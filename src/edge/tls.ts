import { type SecureContext, type Server, type TlsOptions, createSecureContext } from "node:tls"
import {
  type CertificateLoader,
  type LoaderParts,
  certificateLoader,
  contextOf,
  protocols,
} from "./certificate-loader.ts"
import { type SelfSigned, selfSigned } from "./default-certificate.ts"
import { type Logger, reason } from "../platform/log.ts"
import type { Hosts } from "../projections/hosts.ts"
import { normalHostName } from "../projections/request-host.ts"
import { selectCertificate } from "../events/certificate-selection.ts"

/** What choosing certificates rests on. */
export interface TlsParts extends LoaderParts {
  readonly hosts: Hosts
  /** Names of Gatehouse's own: OAuth host and admin hosts. */
  readonly ownNames: ReadonlySet<string>
  readonly commonName: string
  readonly days: number
}

/** Certificates of the HTTPS listener. */
export interface Tls {
  /** Options of the server: default certificate and SNI. */
  readonly options: TlsOptions
  /** Certificates that are loaded and can be served, the default one not counted. */
  readonly loaded: number
  /** The server whose default certificate is replaced before it runs out. */
  serve(server: Pick<Server, "setSecureContext">): void
  /** Settles when every certificate known now was tried once. */
  idle(): Promise<void>
  /** To be called about once a minute: a new default certificate when its end is near, and keys that could not be had. */
  tend(): Promise<void>
  close(): void
}

/** SNI of a host that is not configured. The handshake ends without an alert; no fault of ours. */
export class UnknownServerName extends Error {
  override name = "UnknownServerName"
}

/** OpenSSL's SSL_OP_NO_RENEGOTIATION, which `crypto.constants` does not name. */
const noRenegotiation = 1 << 30

/** Loads what is there and follows the log. Settles as soon as handshakes can be answered. */
export async function tlsCertificates(parts: TlsParts): Promise<Tls> {
  const { log, clock, commonName, days } = parts
  let fallback = await selfSigned(commonName, days, clock())
  let fallbackContext = contextFor(fallback)
  const loader = certificateLoader(parts)
  let server: Pick<Server, "setSecureContext"> | undefined
  /** Never rejects: whatever is thrown goes to `done`. */
  async function answer(name: string, done: (error: Error | null, context?: SecureContext) => void): Promise<void> {
    let context: SecureContext | undefined
    try {
      context = chooseContext(name, parts, loader, log)
      // The log says that there is one: whoever has read that gets it, and not the default (behaviour contract §3.3).
      const loading = context === undefined ? loader.loading(normalHostName(name) ?? "") : undefined
      if (loading !== undefined) {
        await loading
        context = chooseContext(name, parts, loader, log)
      }
    } catch (error) {
      return done(error as Error)
    }
    done(null, context ?? fallbackContext)
  }
  return {
    options: {
      ...protocols,
      secureOptions: noRenegotiation,
      ALPNProtocols: ["http/1.1"],
      cert: fallback.certificate,
      key: fallback.key,
      // A throw in here would end the process (CVE-2026-21637).
      SNICallback(name, done) {
        void answer(name, done)
      },
    },
    get loaded() {
      return loader.index.byName.size
    },
    serve: (listening) => void (server = listening),
    idle: () => loader.idle(),
    async tend() {
      loader.retry()
      const left = fallback.expiresAt.getTime() - clock().getTime()
      if (left > (days * 86_400_000) / 10) return
      fallback = await selfSigned(commonName, days, clock())
      fallbackContext = contextFor(fallback)
      server?.setSecureContext({ cert: fallback.certificate, key: fallback.key, ...protocols })
    },
    close: () => loader.close(),
  }
}

const contextFor = ({ certificate, key }: SelfSigned) => createSecureContext({ cert: certificate, key, ...protocols })

/**
 * Steps 1 to 3 and 5 of the selection (behaviour contract §3.4).
 * @returns undefined for a known host without a certificate
 * @throws UnknownServerName
 */
function chooseContext(
  name: string,
  { hosts, ownNames, certificates, clock }: TlsParts,
  loader: CertificateLoader,
  log: Logger,
): SecureContext | undefined {
  const hostname = normalHostName(name)
  const proxy = hostname === undefined ? undefined : hosts.get(hostname)?.proxy
  if (hostname === undefined || !(proxy?.enable_https === true || ownNames.has(hostname)))
    throw new UnknownServerName("no host of this name")
  const chosen = selectCertificate(loader.index, hostname, proxy, certificates.isAdmin, clock().getTime())
  if (chosen === undefined) return undefined
  try {
    return contextOf(chosen)
  } catch (error) {
    log.error("certificate_unusable", { cert_name: chosen.cert_name, reason: reason(error) })
    return undefined
  }
}
