import type { AdminApi } from "../admin-api.ts"
import { Refusal } from "../stack/refusal.ts"

/** Names of what the demo creates. */
export const demo = { token: "demo", certificate: "demo", hostname: "mcp.localhost" } as const

interface Certificate {
  readonly status: string
  readonly fullchain_pem: string | null
}

/**
 * Creates, or brings back to how the demo wants it: a token to sign in with, a certificate by the internal CA for the
 * MCP and the OAuth host, and the proxy with OAuth and MCP on.
 * @returns the token, and the CA's certificate as PEM
 */
export async function provision(
  api: AdminApi,
  target: string,
  oauthHost: string,
): Promise<{ token: string; ca: string }> {
  const made = await api.call<{ token: string }>("POST", "/tokens/generate", { name: demo.token }, [409])
  const { token } =
    made.status === 409
      ? (await api.call<{ token: string }>("GET", `/tokens/${demo.token}/reveal?confirm=true`)).body
      : made.body

  const domains = oauthHost.endsWith(".localhost") ? [demo.hostname, oauthHost] : [demo.hostname]
  const order = { cert_name: demo.certificate, domains, issuer: "internal" }
  await api.call("POST", "/certificates/multi-domain", order, [409])
  await api.call("GET", `/certificates/${demo.certificate}/status?wait=true&timeout=30`)
  const { body: certificate } = await api.call<Certificate>("GET", `/certificates/${demo.certificate}`)
  const ca = certificate.fullchain_pem?.match(/-----BEGIN [^-]+-----[^-]+-----END [^-]+-----\n?/g)?.at(-1)
  if (ca === undefined) throw new Refusal(`the demo's certificate is ${certificate.status}; see: just cert-status demo`)

  const proxy = { target_url: target, cert_name: demo.certificate }
  const path = `/proxy/targets/${demo.hostname}`
  const there = await api.call("GET", path, undefined, [404])
  if (there.status === 404) await api.call("POST", "/proxy/targets", { hostname: demo.hostname, ...proxy })
  else await api.call("PUT", path, proxy)
  await api.call("POST", `${path}/auth`, { auth_proxy: oauthHost, auth_mode: "forward" })
  await api.call("POST", `${path}/mcp`, { mcp_endpoint: "/mcp" })
  return { token, ca }
}

/** Deletes what {@link provision} created, as far as it is there. */
export async function unprovision(api: AdminApi): Promise<void> {
  await api.call("DELETE", `/proxy/targets/${demo.hostname}?force=true`, undefined, [404])
  await api.call("DELETE", `/certificates/${demo.certificate}?force=true`, undefined, [404])
  await api.call("DELETE", `/tokens/${demo.token}`, undefined, [404])
}
