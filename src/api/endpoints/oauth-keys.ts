import * as z from "zod"
import { type Endpoint, endpoint } from "../endpoint.ts"
import { activeKeys, retirementMarginMs } from "../../projections/signing-key-order.ts"
import type { Api } from "../endpoint.ts"
import type { SigningKey } from "../../events/signing-key.ts"
import { all } from "../../events/world.ts"
import { write } from "../write.ts"

const tag = "oauth"

const KeyView = z
  .strictObject({
    kid: z.string().describe("RFC 7638 thumbprint; `kid` of its tokens."),
    algorithm: z.string(),
    status: z.enum(["waiting", "signing", "retiring"]),
    activates_at: z.string().describe("It is published from its creation on and signs from here on."),
    retires_at: z
      .string()
      .nullable()
      .describe("Goes at the first sweep after this, when its last token has expired; null while it signs or waits."),
  })
  .meta({ id: "OAuthSigningKey" })

function keysOf({ projections, config, clock }: Api): z.infer<typeof KeyView>[] {
  const now = clock().getTime()
  const keys = [...all(projections.world, "signing-key")]
  const [signing] = activeKeys(keys, now)
  const retiresAt =
    signing === undefined
      ? null
      : new Date(
          Date.parse(signing.activates_at) + config.OAUTH_ACCESS_TOKEN_LIFETIME * 1000 + retirementMarginMs,
        ).toISOString()
  const status = ({ kid, activates_at }: SigningKey) =>
    Date.parse(activates_at) > now ? "waiting" : kid === signing?.kid ? "signing" : "retiring"
  return keys
    .map((key) => {
      const { kid, algorithm, activates_at } = key
      return {
        kid,
        algorithm,
        status: status(key),
        activates_at,
        retires_at: status(key) === "retiring" ? retiresAt : null,
      } as const
    })
    .toSorted((a, b) => b.activates_at.localeCompare(a.activates_at) || (a.kid < b.kid ? -1 : 1))
}

const listKeys = endpoint({
  method: "GET",
  path: "/api/v1/oauth/keys",
  operationId: "listOAuthKeys",
  tag,
  summary: "List the keys that sign access tokens and host cookies, newest first; their public parts are at /jwks.",
  who: "admin",
  status: 200,
  response: z.strictObject({ keys: z.array(KeyView) }),
  handler: ({ api }) => ({ body: { keys: keysOf(api) } }),
})

const rotateKey = endpoint({
  method: "POST",
  path: "/api/v1/oauth/keys",
  operationId: "rotateOAuthKey",
  tag,
  summary:
    "Make a new signing key. It is published at once and signs ten minutes later; the old one stays until its last token has expired.",
  who: "admin",
  status: 201,
  response: z.strictObject({ kid: z.string(), activates_at: z.string(), keys: z.array(KeyView) }),
  errors: ["invalid_state"],
  async handler(call) {
    const { api } = call
    return write<{ kid: string; activates_at: string }>(call, await api.oauth.rotation(), ({ result }) => {
      api.oauth.rotated()
      return { body: { ...result, keys: keysOf(api) } }
    })
  },
})

/** Endpoints about the keys that sign. */
export const oauthKeyEndpoints: readonly Endpoint[] = [listKeys, rotateKey]
