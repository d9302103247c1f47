import { authority } from "../platform/config.ts"

/**
 * Issuer identifier of an OAuth host (RFC 8414 §2): no trailing slash, port only where it is not 443. Clients compare bytes.
 * @param publicHttpsPort port that clients see
 */
export function issuerOf(oauthHost: string, publicHttpsPort: number): string {
  return `https://${authority(oauthHost, publicHttpsPort)}`
}
