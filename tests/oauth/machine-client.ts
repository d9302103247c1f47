import { type Answer, type OAuthNode, apiToken, oauthNode, protectedProxy, send } from "./oauth-node.ts"
import { decodeJwt, generateKeyPair } from "jose"
import { type RedisServer, redisServer } from "../support/redis-server.ts"
import { afterAll, afterEach, beforeAll } from "vitest"
import { randomSecret, sha256 } from "../../src/platform/ids.ts"
import { tokenRequest } from "./flow.ts"

export type Key = Awaited<ReturnType<typeof generateKeyPair>>["privateKey"]
export let redis: RedisServer
export let node: OAuthNode
export let resource: string
export let keys: { publicKey: Key; privateKey: Key }
export const machine = { redirect_uris: [], response_types: [], grant_types: ["client_credentials"] }

/** Sets a machine client up. @returns id and secret */
export async function created(metadata: object = {}, more: object = {}): Promise<{ id: string; secret: string }> {
  const [id, secret] = [`mcp_${randomSecret(16)}`, randomSecret()]
  await node.execute("CreateClient", {
    client_id: id,
    metadata: { ...machine, token_endpoint_auth_method: "client_secret_basic", ...metadata },
    secret_hash: sha256(secret),
    ...more,
  })
  return { id, secret }
}

export const basic = ({ id, secret }: { id: string; secret: string }) => ({
  authorization: `Basic ${Buffer.from(`${id}:${secret}`).toString("base64")}`,
})

export const request = (
  client: { id: string; secret: string },
  form: Record<string, string | readonly string[]> = {},
): Promise<Answer> => tokenRequest(node, { grant_type: "client_credentials", resource, ...form }, basic(client))

export const errorOf = (answer: Answer) => [answer.status, answer.json()["error"]]
export const claimsOf = (answer: Answer) => decodeJwt(answer.json<{ access_token: string }>().access_token)

export const verify = async (answer: Answer, host = "mcp.test") => {
  const { access_token } = answer.json<{ access_token: string }>()
  return (
    await send(node, "/verify", { headers: { authorization: `Bearer ${access_token}`, "x-forwarded-host": host } })
  ).status
}

/** Starts an authorization server with a resource before the tests of a file, and stops it after. */
export function machineNode(): void {
  beforeAll(async () => {
    redis = await redisServer()
    node = await oauthNode({ redisUrl: redis.url })
    await node.ensureSigningKey()
    await apiToken(node, "owner")
    resource = await protectedProxy(node, "mcp.test")
    keys = await generateKeyPair("ES256")
  })
  afterEach(() => {
    node.clock.offset = 0
  })
  afterAll(async () => {
    await node?.stop()
    await redis?.stop()
  })
}
