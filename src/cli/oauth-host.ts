import { type OwnHosts, type Reach, reach } from "../api/diagnose/reach.ts"
import type { Session } from "./session.ts"
import { authority } from "../platform/config.ts"

/** The OAuth host of the Gatehouse that a command line talks to, as the same settings tell. */
export function oauthAuthority({ terminal: { env } }: Pick<Session, "terminal">): string {
  return authority(`auth.${env["BASE_DOMAIN"] ?? "localhost"}`, publicPort(env))
}

function publicPort(env: Readonly<Record<string, string>>): number {
  return Number(env["PUBLIC_HTTPS_PORT"] ?? env["HTTPS_PORT"] ?? 443)
}

/**
 * Calls to the public hosts of that Gatehouse. On the machine where it runs they go to its listener, whatever names resolve to,
 * and certificates of its own CA are trusted; from elsewhere they go out like anybody's.
 */
export async function publicCalls(session: Session): Promise<Reach> {
  const { env } = session.terminal
  const base = new URL(env["BASE_URL"] ?? "http://127.0.0.1")
  const local = /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(base.hostname)
  const suffix = authority("", publicPort(env))
  const ca = local ? await internalCa(session) : undefined
  const own: OwnHosts = {
    serves: (name) => local && (suffix === "" ? !name.includes(":") : name.endsWith(suffix)) && isOurs(name, env),
    address: "127.0.0.1",
    port: () => Number(env["HTTPS_PORT"] ?? 443),
    internalCa: () => ca,
  }
  const protocolVersion = env["OAUTH_MCP_PROTOCOL_VERSION"]
  const signal = AbortSignal.timeout(120_000)
  return reach({ own, allow: () => true, signal, ...(protocolVersion !== undefined && { protocolVersion }) })
}

/** Below BASE_DOMAIN, or a name that no public server can have. */
function isOurs(name: string, env: Readonly<Record<string, string>>): boolean {
  const host = name.replace(/:\d+$/, "")
  const base = env["BASE_DOMAIN"] ?? "localhost"
  return host === base || host.endsWith(`.${base}`) || /\.(localhost|test|internal)$/.test(host)
}

/** Last certificate of the chain that the OAuth host is served with: the CA, where that is Gatehouse's own. */
async function internalCa(session: Session): Promise<string | undefined> {
  const token = await session.token("")
  const { body } = await session.list("listCertificates", "certificates", { token })
  const own = (body["certificates"] as { cert_name: string; environment: string; serving: boolean }[]).find(
    ({ environment, serving }) => environment === "internal" && serving,
  )
  if (own === undefined) return undefined
  const { body: certificate } = await session.call("getCertificate", { params: { cert_name: own.cert_name }, token })
  return (certificate["fullchain_pem"] as string)
    .match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g)
    ?.at(-1)
}
