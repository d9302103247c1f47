import { GatehouseError } from "../../errors.ts"

const loopback = ["localhost", "127.0.0.1", "[::1]"]

/**
 * Lets pass what comes from no web page, or from one of the admin host itself: a page elsewhere must not reach this server
 * through its visitor's browser, by whatever name it resolves to this machine (MCP, transports, DNS rebinding).
 * @throws GatehouseError `origin_not_allowed`
 */
export function checkOrigin({ headers }: Request, adminHosts: readonly string[]): void {
  const origin = headers.get("origin")
  if (origin === null) return
  const url = URL.parse(origin)
  const known = url !== null && [...loopback, ...adminHosts].includes(url.hostname)
  if (!known || url.host !== headers.get("host")?.toLowerCase()) throw new GatehouseError("origin_not_allowed")
}
