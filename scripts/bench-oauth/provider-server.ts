// oidc-provider as a comparable authorization server: public clients, PKCE, resource indicators, access tokens as RS256 JWTs,
// rotating refresh tokens, storage in Redis. A person who has signed in once is not asked again.
//   node scripts/bench-oauth/provider-server.ts <port> <certificate> <key> <clients> <resource> <scope>; BENCH_REDIS_URL
import Provider from "oidc-provider"
import { Redis } from "ioredis"
import { createServer } from "node:https"
import { generateKeyPairSync } from "node:crypto"
import { readFileSync } from "node:fs"
import { redirectUri } from "./issuer.ts"
import { redisAdapter } from "./redis-adapter.ts"

const [port = "", cert = "", key = "", clients = "", resource = "", scope = ""] = process.argv.slice(2)
const redis = new Redis(process.env["BENCH_REDIS_URL"] ?? "")
const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 })

interface Context {
  readonly oidc: {
    readonly client: { readonly clientId: string }
    readonly session: { readonly accountId: string; grantIdFor(clientId: string): string | undefined }
  }
}

const provider = new Provider(`https://auth.localhost:${port}`, {
  adapter: redisAdapter(redis) as never,
  jwks: { keys: [{ ...privateKey.export({ format: "jwk" }), kid: "bench", use: "sig", alg: "RS256" }] },
  clients: clients.split(",").map((client_id) => ({
    client_id,
    redirect_uris: [redirectUri],
    grant_types: ["authorization_code", "refresh_token"],
    response_types: ["code"],
    token_endpoint_auth_method: "none",
  })),
  cookies: { keys: ["bench"] },
  pkce: { required: () => true },
  rotateRefreshToken: true,
  issueRefreshToken: () => Promise.resolve(true),
  ttl: {
    AccessToken: 1800,
    AuthorizationCode: 60,
    RefreshToken: 31_536_000,
    Session: 28_800,
    Grant: 31_536_000,
    Interaction: 300,
  },
  findAccount: (_context: unknown, id: string) => ({ accountId: id, claims: () => ({ sub: id }) }),
  loadExistingGrant: async ({ oidc: { client, session } }: Context) => {
    const known = session.grantIdFor(client.clientId)
    if (known !== undefined) return provider.Grant.find(known)
    const grant = new provider.Grant({ clientId: client.clientId, accountId: session.accountId })
    grant.addResourceScope(resource, scope)
    await grant.save()
    return grant
  },
  features: {
    devInteractions: { enabled: true },
    resourceIndicators: {
      enabled: true,
      defaultResource: () => resource,
      useGrantedResource: () => true,
      getResourceServerInfo: () => ({
        scope,
        audience: resource,
        accessTokenTTL: 1800,
        accessTokenFormat: "jwt",
        jwt: { sign: { alg: "RS256" } },
      }),
    },
  },
})

createServer({ cert: readFileSync(cert), key: readFileSync(key) }, provider.callback()).listen(
  Number(port),
  "127.0.0.1",
)
