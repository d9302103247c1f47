import type { Destination } from "../../projections/destination.ts"
import type { AddressBook } from "../upstream-address.ts"
import type { MayDial } from "../upstream-plan.ts"
import { request as plainRequest } from "node:http"
import { request as secureRequest } from "node:https"
import { isIP } from "node:net"

/** Asks backends for small documents. */
export interface BackendFetch {
  /** @returns the body of a 200 with JSON, or undefined for everything else; never rejects */
  (destination: Destination, path: string, host: string): Promise<Buffer | undefined>
}

const wholeMs = 2000
const mostBytes = 65_536

/**
 * Fetches from a proxy's backend under the rules of forwarding: only addresses that may be dialled, TLS verified, no redirect
 * followed, and a bound on time and size.
 */
export function backendFetch(addresses: AddressBook, mayDial: MayDial): BackendFetch {
  return ({ target, owner }, path, host) =>
    new Promise((resolve) => {
      const none = () => resolve(undefined)
      addresses.resolve(target.hostname, (error, candidates) => {
        const [address] = candidates
        if (error !== undefined || address === undefined) return none()
        // One bad address among good ones is how a name is made to point inside: all must be allowed.
        if (!candidates.every((candidate) => mayDial(candidate, target.port, owner))) return none()
        const request = (target.secure ? secureRequest : plainRequest)(
          {
            host: address,
            port: target.port,
            path: target.base + path,
            headers: { Host: host, Accept: "application/json", "X-Forwarded-Host": host, "X-Forwarded-Proto": "https" },
            agent: false,
            signal: AbortSignal.timeout(wholeMs),
            ...(target.secure && isIP(target.hostname) === 0 && { servername: target.hostname }),
          },
          (response) => {
            const json = /^application\/json(?:[;\s]|$)/i.test(response.headers["content-type"] ?? "")
            if (response.statusCode !== 200 || !json || response.headers["content-encoding"] !== undefined) {
              request.destroy()
              return none()
            }
            const chunks: Buffer[] = []
            let length = 0
            response.on("data", (chunk: Buffer) => {
              length += chunk.length
              if (length > mostBytes) request.destroy()
              else chunks.push(chunk)
            })
            response.on("error", none)
            response.on("close", () =>
              response.complete && length <= mostBytes ? resolve(Buffer.concat(chunks)) : none(),
            )
          },
        )
        request.on("error", none)
        request.end()
      })
    })
}
