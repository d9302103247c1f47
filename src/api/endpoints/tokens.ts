import * as z from "zod"
import { type Answer, type Call, endpoint } from "../endpoint.ts"
import { type Done, versionOf, write } from "../write.ts"
import { TokenDeletion, TokenRequest } from "../../commands/api-token.ts"
import { TokenDetail, TokenView, tokenDetail, tokenView } from "../../projections/views/token.ts"
import { flag, listOf, listPage, listQuery } from "../list.ts"
import type { ApiToken } from "../../events/api-token.ts"
import { Email } from "../../events/values.ts"
import { GatehouseError } from "../../errors.ts"
import { ownedObjects } from "../../projections/views/owned.ts"
import { randomSecret, sha256 } from "../../platform/ids.ts"
import { randomUUID } from "node:crypto"
import { visibleToken } from "../access.ts"

const tag = "tokens"
const Named = z.strictObject({ name: z.string().min(1).max(64) })

const CreatedToken = z.strictObject({
  name: z.string(),
  token: z.string().optional().describe("The value; absent in a repeated answer when the token is gone meanwhile."),
  hash: z.string(),
  cert_email: z.string().nullable(),
  created_at: z.string(),
})

/** First and last characters of a value, for people; what is hidden keeps far more than 128 bits. */
function tokenPreview(value: string): string {
  return value.length < 24 ? "…" : `${value.slice(0, 8)}…${value.slice(-4)}`
}

function createToken(call: Call<unknown, unknown, z.output<typeof TokenRequest>>): Promise<Answer> {
  const value = `acm_${randomSecret()}`
  const secret_ref = `token-${randomUUID()}`
  return write(
    call,
    {
      type: "CreateToken",
      data: { ...call.body, hash: sha256(value), preview: tokenPreview(value), secret_ref },
      asked: call.body,
      secrets: { [secret_ref]: call.api.vault.seal(secret_ref, value) },
    },
    async (done) => ({
      secret: true,
      body: await createdToken(call, done),
      headers: { location: `/api/v1/tokens/${encodeURIComponent(call.body.name)}` },
      version: versionOf(call, "api-token", call.body.name.toLowerCase()),
    }),
  )
}

/** The answer from the event itself: the same for every repetition, whatever became of the token. */
async function createdToken({ api }: Call, done: Done<unknown>): Promise<z.infer<typeof CreatedToken>> {
  const [event] = await api.store.read(done.position - 1, 1)
  const { name, hash, cert_email, secret_ref } = event!.data as Omit<ApiToken, "created_at">
  const sealed = secret_ref === null ? undefined : await api.store.secret(secret_ref)
  return {
    name,
    ...(sealed !== undefined && { token: api.vault.open(secret_ref!, sealed) }),
    hash,
    cert_email,
    created_at: (event!.meta as { at: string }).at,
  }
}

const listTokens = endpoint({
  method: "GET",
  path: "/api/v1/tokens",
  operationId: "listTokens",
  tag,
  summary: "List the API tokens; never their values.",
  who: "admin",
  query: listQuery(["created_at", "name"], "desc"),
  status: 200,
  response: listOf("tokens", TokenView),
  handler({ api, query }) {
    const { world } = api.projections
    const owned = ownedObjects(world)
    const entries = [...world.objects["api-token"]].map(([id, { state }]) => ({ id, state }))
    const key = ({ state }: { state: ApiToken }) =>
      query.sort_by === "name" ? state.name.toLowerCase() : state.created_at
    return {
      body: listPage(
        "tokens",
        entries,
        query,
        key,
        ({ id }) => id,
        ({ id, state }) => tokenView(state, owned(id)),
      ),
    }
  },
})

const creation = {
  method: "POST",
  tag,
  who: "admin",
  body: TokenRequest,
  status: 201,
  response: CreatedToken,
  errors: ["already_exists", "reserved_name"],
  handler: createToken,
} as const

const postToken = endpoint({
  ...creation,
  path: "/api/v1/tokens",
  operationId: "createToken",
  summary: "Create an API token; the answer holds its value.",
})

const generateToken = endpoint({
  ...creation,
  path: "/api/v1/tokens/generate",
  operationId: "generateToken",
  summary: "Create an API token; the same as createToken.",
})

const updateTokenEmail = endpoint({
  method: "PUT",
  path: "/api/v1/tokens/email",
  operationId: "updateTokenEmail",
  tag,
  summary: "Set the account e-mail for certificates, of the caller's token or, for an administrator, of any.",
  who: "any",
  body: z.strictObject({ cert_email: Email.nullable(), name: z.string().max(64).optional() }),
  prepare: ({ email, ...rest }) =>
    email === undefined || "cert_email" in rest
      ? { ...rest, ...(email !== undefined && { email }) }
      : { ...rest, cert_email: email },
  status: 200,
  response: z.strictObject({ message: z.string(), name: z.string(), cert_email: z.string().nullable() }),
  errors: ["admin_required", "not_found"],
  handler(call) {
    const name = call.body.name ?? call.caller.name
    return write<{ name: string; cert_email: string | null }>(
      call,
      { type: "UpdateTokenEmail", data: { name, cert_email: call.body.cert_email } },
      ({ result }) => ({
        body: { message: `The e-mail of ${result.name} is set.`, ...result },
        version: versionOf(call, "api-token", result.name.toLowerCase()),
      }),
    )
  },
})

const tokenInfo = endpoint({
  method: "GET",
  path: "/api/v1/tokens/info",
  operationId: "getTokenInfo",
  tag,
  summary: "Show the token that makes this call.",
  who: "any",
  status: 200,
  response: z.strictObject({
    name: z.string(),
    cert_email: z.string().nullable(),
    hash_preview: z.string(),
    is_admin: z.boolean(),
    created_at: z.string(),
  }),
  handler(call) {
    const { id, token } = visibleToken(call, call.caller.token)
    const { name, cert_email, hash, is_admin, created_at } = token
    return {
      body: { name, cert_email, hash_preview: `${hash.slice(0, 15)}…`, is_admin, created_at },
      version: versionOf(call, "api-token", id),
    }
  },
})

const showToken = endpoint({
  method: "GET",
  path: "/api/v1/tokens/{name}",
  operationId: "getToken",
  tag,
  summary: "Show a token and the names of what it owns; not its value.",
  who: "any",
  params: Named,
  status: 200,
  response: TokenDetail,
  errors: ["admin_required"],
  handler(call) {
    const { id, token } = visibleToken(call, call.params.name)
    return {
      body: tokenDetail(token, ownedObjects(call.api.projections.world)(id)),
      version: versionOf(call, "api-token", id),
    }
  },
})

const revealToken = endpoint({
  method: "GET",
  path: "/api/v1/tokens/{name}/reveal",
  operationId: "revealToken",
  tag,
  summary: "Show a token's value. Recorded as an event with who asked and from where.",
  who: "admin",
  params: Named,
  query: z.strictObject({ confirm: flag(false) }),
  reveals: "confirm",
  status: 200,
  response: z.strictObject({ name: z.string(), token: z.string(), revealed_at: z.string() }),
  errors: ["confirmation_required", "not_revealable"],
  handler(call) {
    if (!call.query.confirm) throw new GatehouseError("confirmation_required")
    const { token } = visibleToken(call, call.params.name)
    const audited = { ...call, idempotencyKey: undefined, ifMatch: undefined }
    return write(audited, { type: "RevealToken", data: { name: token.name } }, async () => {
      const sealed = token.secret_ref === null ? undefined : await call.api.store.secret(token.secret_ref)
      if (sealed === undefined) throw new GatehouseError("not_revealable")
      const value = call.api.vault.open(token.secret_ref!, sealed)
      return { secret: true, body: { name: token.name, token: value, revealed_at: call.api.clock().toISOString() } }
    })
  },
})

const Names = z.array(z.string())

const deleteToken = endpoint({
  method: "DELETE",
  path: "/api/v1/tokens/{name}",
  operationId: "deleteToken",
  tag,
  summary: "Delete a token, with what it owns or after giving that to another token.",
  who: "admin",
  params: Named,
  query: z.strictObject({
    cascade: flag(true),
    dry_run: flag(false),
    force: flag(false),
    reassign_to: TokenDeletion.shape.reassign_to.unwrap().unwrap().optional(),
  }),
  status: 200,
  response: z.strictObject({
    message: z.string(),
    deleted_resources: z.strictObject({
      certificates: Names,
      proxies: Names,
      routes: Names,
      services: Names,
      instances: Names,
      resources: Names,
      webhooks: Names,
    }),
    reassigned: z.int(),
    dry_run: z.boolean(),
  }),
  errors: ["protected", "owns_resources", "in_use"],
  handler(call) {
    const { name } = call.params
    const { reassign_to = null, ...how } = call.query
    return write<object>(call, { type: "DeleteToken", data: { name, reassign_to, ...how } }, ({ result }) => ({
      body: { message: how.dry_run ? `${name} would be deleted.` : `${name} is deleted.`, ...result },
    }))
  },
})

/** Endpoints about API tokens. */
export const tokenEndpoints = [
  listTokens,
  postToken,
  generateToken,
  updateTokenEmail,
  tokenInfo,
  showToken,
  revealToken,
  deleteToken,
]
