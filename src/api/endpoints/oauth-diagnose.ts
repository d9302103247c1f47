import * as z from "zod"
import { type Call, type Endpoint, endpoint } from "../endpoint.ts"
import { Diagnosis } from "../diagnose/finding.ts"
import { GatehouseError } from "../../errors.ts"
import { addressAllowed } from "../../events/target-address.ts"
import { diagnose } from "../diagnose/diagnose.ts"
import { ownObject } from "../access.ts"
import { permittedAddress } from "../diagnose/permitted-address.ts"
import { reach } from "../diagnose/reach.ts"

const longestMs = 25_000

const diagnosis = endpoint({
  method: "POST",
  path: "/api/v1/oauth/diagnose",
  operationId: "diagnoseConnector",
  tag: "oauth",
  summary: "Walk the way of an MCP client to a server, ours or not, and name the first step that does not work.",
  who: "any",
  body: z.strictObject({
    url: z
      .string()
      .min(1)
      .max(2048)
      .describe("Address of the MCP server; a bare host name stands for https://<host>/mcp."),
    token: z
      .string()
      .regex(/^[\x21-\x7e]{1,16384}$/, "1 to 16384 printable characters without blanks")
      .optional()
      .describe("Access token for one call at the end; it is sent to that address and kept nowhere."),
  }),
  status: 200,
  response: Diagnosis,
  errors: ["not_owner"],
  async handler(call) {
    const { api, body, caller } = call
    const url = serverUrl(body.url, api.config.publicHttpsPort)
    requireReadable(call, url)
    const signal = AbortSignal.any([call.signal, AbortSignal.timeout(longestMs)])
    const allow = permittedAddress(url, (address) =>
      addressAllowed(address, caller.admin, api.config.TARGET_ALLOW_CIDRS),
    )
    const calls = await reach({
      own: api.oauth.own,
      allow,
      signal,
      protocolVersion: api.config.OAUTH_MCP_PROTOCOL_VERSION,
    })
    try {
      return { body: await diagnose(calls, url, body.token, api.clock().getTime()), secret: true }
    } finally {
      await calls.close()
    }
  },
})

/** `mcp.example.com` is what people type. */
function serverUrl(text: string, publicHttpsPort: number): string {
  if (!/^[a-z0-9.-]+$/i.test(text)) return text
  return `https://${text.toLowerCase()}${publicHttpsPort === 443 ? "" : `:${publicHttpsPort}`}/mcp`
}

/** Whoever is no administrator may look at their own proxies only: the calls go out from this machine. */
function requireReadable(call: Call, url: string): void {
  if (call.caller.admin) return
  const host = URL.parse(url)?.hostname
  if (host === undefined)
    throw new GatehouseError("validation_failed", "url: must be an absolute URL", {
      errors: [{ path: "url", message: "must be an absolute URL" }],
    })
  ownObject(call, "proxy", host)
}

/** The connector check. */
export const oauthDiagnoseEndpoints: readonly Endpoint[] = [diagnosis]
