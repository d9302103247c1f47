import { isLoopbackAddress } from "../../events/target-address.ts"

/**
 * Which addresses may be called while a server is examined: those that the caller may have called, and of this machine's own only
 * what was asked for. What a server elsewhere says of itself must not lead to doors that trust this machine.
 * @param url address of the server that is examined
 */
export function permittedAddress(
  url: string,
  allowed: (address: string) => boolean,
): (address: string, host: string) => boolean {
  const examined = (URL.parse(url)?.hostname ?? "").replace(/^\[|\]$/g, "")
  const local = examined === "localhost" || examined.endsWith(".localhost") || isLoopbackAddress(examined)
  return (address, host) => allowed(address) && (local || host === examined || !isLoopbackAddress(address))
}
