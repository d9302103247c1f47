import { type JWTHeaderParameters, type JWTPayload, SignJWT, exportJWK, generateKeyPair } from "jose"
import { type IncomingMessage, type ServerResponse, createServer } from "node:http"
import { createHash } from "node:crypto"
import { once } from "node:events"

type Reply = (response: ServerResponse) => void
type Key = Awaited<ReturnType<typeof generateKeyPair>>["privateKey"]

/** An OpenID provider whose every answer a test can replace. */
export interface OidcStub {
  readonly issuer: string
  readonly seen: { path: string; headers: IncomingMessage["headers"]; form: URLSearchParams }[]
  /** Claims of the next ID tokens, over the good ones; undefined leaves one out. */
  claims: Record<string, unknown>
  header: Partial<JWTHeaderParameters>
  /** Signs in place of the stub's own key. */
  key: Key | Uint8Array
  /** Makes the ID token whole. */
  idToken: ((token: string) => string) | undefined
  /** Nonce of the login in progress. */
  nonce: string
  answer(path: string, reply: Reply): void
  reset(): void
  stop(): Promise<void>
}

export const json =
  (value: unknown, status = 200): Reply =>
  (response) =>
    void response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(value))

const accessToken = "the-access-token"

/** Hash of the access token as ID tokens carry it, for SHA-256. */
export const accessTokenHash = createHash("sha256").update(accessToken).digest().subarray(0, 16).toString("base64url")

export async function oidcStub(): Promise<OidcStub> {
  const { privateKey, publicKey } = await generateKeyPair("ES256")
  const jwks = { keys: [{ ...(await exportJWK(publicKey)), kid: "stub", alg: "ES256" }] }
  const replaced = new Map<string, Reply>()
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on("data", (chunk: Buffer) => chunks.push(chunk))
    request.on("end", () => {
      const path = (request.url ?? "").split("?")[0]!
      stub.seen.push({ path, headers: request.headers, form: new URLSearchParams(Buffer.concat(chunks).toString()) })
      void reply(path).then((answer) => answer(response))
    })
  }).listen(0, "127.0.0.1")
  await once(server, "listening")
  const issuer = `http://127.0.0.1:${(server.address() as { port: number }).port}`

  async function reply(path: string): Promise<Reply> {
    const own = replaced.get(path)
    if (own !== undefined) return own
    switch (path) {
      case "/.well-known/openid-configuration":
        return json({
          issuer,
          authorization_endpoint: `${issuer}/login?theme=dark`,
          token_endpoint: `${issuer}/token`,
          jwks_uri: `${issuer}/keys`,
          userinfo_endpoint: `${issuer}/userinfo`,
        })
      case "/keys":
        return json(jwks)
      case "/token":
        return json({ access_token: accessToken, token_type: "Bearer", id_token: await idToken() })
      case "/userinfo":
        return json({ sub: "Sub|1", email: "ann@example.org", email_verified: true, groups: ["staff", 7, "dev"] })
      default:
        return json({}, 404)
    }
  }

  async function idToken(): Promise<string> {
    const now = Math.floor(Date.now() / 1000)
    const good: JWTPayload = { iss: issuer, sub: "Sub|1", aud: "gatehouse", iat: now, exp: now + 60, nonce: stub.nonce }
    const claims = Object.fromEntries(
      Object.entries({ ...good, preferred_username: "ann", ...stub.claims }).filter(([, value]) => value !== undefined),
    )
    const token = await new SignJWT(claims)
      .setProtectedHeader({ alg: "ES256", kid: "stub", ...stub.header })
      .sign(stub.key)
    return stub.idToken?.(token) ?? token
  }

  const stub: OidcStub = {
    issuer,
    seen: [],
    claims: {},
    header: {},
    key: privateKey,
    idToken: undefined,
    nonce: "",
    answer: (path, own) => void replaced.set(path, own),
    reset() {
      replaced.clear()
      Object.assign(stub, { claims: {}, header: {}, key: privateKey, idToken: undefined })
      stub.seen.length = 0
    },
    async stop() {
      server.closeAllConnections()
      server.close()
      await once(server, "close")
    },
  }
  return stub
}
