import * as z from "zod"
import { type Answer, type Call, type Endpoint, endpoint } from "../endpoint.ts"
import { type Client, ClientMetadata } from "../../events/oauth-client.ts"
import { NamedClient, clientDetail, visibleClient } from "./oauth-clients.ts"
import { randomSecret, sha256 } from "../../platform/ids.ts"
import { versionOf, write } from "../write.ts"
import { ClientDetail } from "../../projections/views/oauth-client.ts"
import { GatehouseError } from "../../errors.ts"
import { Instant } from "../../events/values.ts"
import { find } from "../../events/world.ts"

const tag = "oauth"

/** What may be said of a client; the rest of its metadata follows. */
const Description = ClientMetadata.omit({ response_types: true }).partial()
type Description = z.output<typeof Description>

const Secret = z.string().optional().describe("Shown this once; absent for a public client and in a repeated answer.")

/** Metadata of a new client: what follows from what was said (RFC 7591 §2). */
function metadataOf(said: Description): Client["metadata"] {
  const grant_types =
    said.grant_types ??
    (said.redirect_uris === undefined ? ["client_credentials"] : ["authorization_code", "refresh_token"])
  return withoutUndefined({
    ...said,
    redirect_uris: said.redirect_uris ?? [],
    grant_types,
    response_types: grant_types.includes("authorization_code") ? ["code"] : [],
    token_endpoint_auth_method: said.token_endpoint_auth_method ?? "client_secret_basic",
  }) as Client["metadata"]
}

function withoutUndefined(value: object): object {
  return Object.fromEntries(Object.entries(value).filter(([, item]) => item !== undefined))
}

const createClient = endpoint({
  method: "POST",
  path: "/api/v1/oauth/clients",
  operationId: "createOAuthClient",
  tag,
  summary:
    "Create an OAuth client. The only kind that may use client_credentials; its secret is in the answer and nowhere else.",
  who: "any",
  body: Description.extend({
    client_name: z.string().min(1).max(100),
    expires_at: Instant.nullable().optional().describe("Null: never, which is the default."),
    owner: z.string().max(64).optional(),
  }),
  status: 201,
  response: ClientDetail.extend({ client_secret: Secret }),
  errors: ["admin_required"],
  handler(call) {
    const { owner, expires_at = null, ...said } = call.body
    const metadata = metadataOf(said)
    const secret = metadata.token_endpoint_auth_method.startsWith("client_secret") ? randomSecret() : undefined
    const data = {
      client_id: `mcp_${randomSecret(16)}`,
      metadata,
      secret_hash: secret === undefined ? null : sha256(secret),
      expires_at,
      ...(owner !== undefined && { owner }),
    }
    return write<{ client_id: string }>(
      call,
      { type: "CreateClient", data, asked: call.body },
      async ({ result, repeated }) => {
        const { client_id } = result
        return {
          ...(await shown(call, client_id, repeated ? undefined : secret)),
          headers: { location: `/api/v1/oauth/clients/${encodeURIComponent(client_id)}` },
        }
      },
    )
  },
})

/** The client after a write, with a secret that was made for it. @throws GatehouseError `not_found` */
async function shown(call: Call, clientId: string, secret: string | undefined): Promise<Answer> {
  const client = find(call.api.projections.world, "client", clientId)
  if (client === undefined) throw new GatehouseError("not_found", "the client was removed meanwhile")
  return {
    secret: true,
    body: { ...(await clientDetail(call, client)), ...(secret !== undefined && { client_secret: secret }) },
    version: versionOf(call, "client", clientId),
  }
}

const changeClient = endpoint({
  method: "PATCH",
  path: "/api/v1/oauth/clients/{client_id}",
  operationId: "changeOAuthClient",
  tag,
  summary:
    "Change what a client says, switch it off or on, stand for its name, or give it a new secret; one of these at a time.",
  who: "any",
  params: NamedClient,
  body: Description.extend({
    disabled: z.boolean().optional(),
    vouched: z.boolean().optional().describe("Administrators only."),
    new_secret: z.literal(true).optional(),
  }),
  status: 200,
  response: ClientDetail.extend({ client_secret: Secret }),
  errors: ["not_owner", "admin_required", "invalid_state"],
  handler(call) {
    const { client_id, metadata } = visibleClient(call, call.params.client_id)
    const { disabled, vouched, new_secret, ...said } = call.body
    const description = withoutUndefined(said)
    const status = withoutUndefined({ disabled, vouched })
    const wanted = [new_secret !== undefined, Object.keys(status).length > 0, Object.keys(description).length > 0]
    if (wanted.filter(Boolean).length !== 1)
      throw new GatehouseError(
        "validation_failed",
        "change the metadata, the status, or the secret: one of them, and no two at a time",
      )
    if (new_secret !== undefined) {
      const secret = randomSecret()
      const command = {
        type: "ReplaceClientSecret",
        data: { client_id, secret_hash: sha256(secret) },
        asked: { client_id, new_secret },
      }
      return write(call, command, ({ repeated }) => shown(call, client_id, repeated ? undefined : secret))
    }
    const command =
      Object.keys(status).length > 0
        ? { type: "SetClientStatus", data: { client_id, ...status } }
        : { type: "UpdateClient", data: { client_id, metadata: changed(metadata, description) } }
    return write(call, command, () => shown(call, client_id, undefined))
  },
})

function changed(metadata: Client["metadata"], said: Description): Client["metadata"] {
  const next = { ...metadata, ...said } as Client["metadata"]
  return { ...next, response_types: next.grant_types.includes("authorization_code") ? ["code"] : [] }
}

const deleteClient = endpoint({
  method: "DELETE",
  path: "/api/v1/oauth/clients/{client_id}",
  operationId: "deleteOAuthClient",
  tag,
  summary: "Delete an OAuth client with every grant that it holds; its tokens are refused from the next request on.",
  who: "any",
  params: NamedClient,
  status: 200,
  response: z.strictObject({ client_id: z.string(), revoked_grants: z.int() }),
  errors: ["not_owner"],
  handler(call) {
    const { client_id } = visibleClient(call, call.params.client_id)
    return write<{ revoked_grants: number }>(
      call,
      { type: "DeleteClient", data: { client_id, reason: "admin" } },
      ({ result }) => ({
        body: { client_id, revoked_grants: result.revoked_grants },
      }),
    )
  },
})

/** Endpoints that change OAuth clients. */
export const oauthClientChangeEndpoints: readonly Endpoint[] = [createClient, changeClient, deleteClient]
