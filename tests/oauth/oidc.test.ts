import { type Answer, type OAuthNode, oauthNode, protectedProxy } from "./oauth-node.ts"
import { person } from "./person.ts"
import { type Tokens, redemption, registerClient, tokenRequest, verifier } from "./flow.ts"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import Provider from "oidc-provider"
import { createServer } from "node:http"
import { decodeJwt } from "jose"
import { freePort } from "../support/ports.ts"
import { once } from "node:events"
import { redisOfFile, application, redis, toProvider } from "./oidc-login.ts"

redisOfFile()

describe("with a real OpenID provider", () => {
  let node: OAuthNode
  let issuer: string
  let stop: () => Promise<void>

  beforeAll(async () => {
    await redis.command("FLUSHALL")
    const port = await freePort()
    issuer = `http://127.0.0.1:${port}`
    const provider = new Provider(issuer, {
      clients: [
        {
          client_id: "gatehouse",
          client_secret: application.OIDC_CLIENT_SECRET,
          redirect_uris: ["https://auth.localhost:8443/callback"],
        },
      ],
      claims: {
        openid: ["sub"],
        email: ["email", "email_verified"],
        profile: ["name", "preferred_username", "groups"],
      },
      findAccount: (_context: unknown, id: string) => ({
        accountId: id,
        claims: () => ({
          sub: id,
          email: `${id}@example.org`,
          email_verified: id !== "unverified",
          name: `The ${id}`,
          preferred_username: id,
          groups: ["staff"],
        }),
      }),
    })
    provider.on("server_error", (_context: unknown, error: Error) => {
      throw error
    })
    const server = createServer(provider.callback()).listen(port, "127.0.0.1")
    await once(server, "listening")
    stop = async () => {
      server.closeAllConnections()
      server.close()
      await once(server, "close")
    }
    const env = { ...application, OIDC_ISSUER: issuer, OIDC_NAME: "my-company", OIDC_ALLOWED_USERS: "*@example.org" }
    node = await oauthNode({ redisUrl: redis.url, env })
    await node.ensureSigningKey()
  })

  afterAll(async () => {
    await node?.stop()
    await stop?.()
  })

  /** Signs in and agrees at the provider. @returns where it sends the browser back to */
  async function signIn(start: URL, login: string): Promise<URL> {
    const cookies = new Map<string, string>()
    let next = start
    let form: URLSearchParams | undefined
    for (let hop = 0; hop < 12; hop++) {
      const response = await fetch(next, {
        method: form === undefined ? "GET" : "POST",
        ...(form !== undefined && { body: form }),
        redirect: "manual",
        headers: { cookie: [...cookies].map(([name, value]) => `${name}=${value}`).join("; ") },
      })
      for (const line of response.headers.getSetCookie()) {
        const [name = "", value = ""] = line.split(";")[0]!.split("=")
        cookies.set(name, value)
      }
      const location = response.headers.get("location")
      form = undefined
      if (location !== null) {
        next = new URL(location, next)
        if (next.origin === node.issuer) return next
        continue
      }
      const text = await response.text()
      const action = /<form autocomplete="off" action="([^"]+)"/.exec(text)?.[1]
      if (action === undefined) throw new Error(`${response.status} ${text.slice(0, 2000)}`)
      next = new URL(action, next)
      const fields = text.includes('value="login"') ? { prompt: "login", login, password: "x" } : { prompt: "consent" }
      form = new URLSearchParams(fields)
    }
    throw new Error("the provider goes round in circles")
  }

  async function login(account: string, overrides = {}): Promise<Answer & { tokens?: Tokens }> {
    const resource = `https://mcp.test:8443/mcp`
    const client = await registerClient(node)
    const who = person(node)
    const codeVerifier = verifier()
    const callback = await signIn(await toProvider(client, who, resource, codeVerifier, overrides), account)
    expect(callback.pathname).toBe("/callback")
    const done = await who.visit(callback.pathname + callback.search)
    const code = done.location?.searchParams.get("code")
    if (code === null || code === undefined) return done
    return { ...done, tokens: (await tokenRequest(node, redemption(client, code, codeVerifier))).json<Tokens>() }
  }

  it("proves a person with name, verified address and groups", async () => {
    await protectedProxy(node, "mcp.test", { auth_required_groups: ["Staff"] })
    const { tokens, location } = await login("ann")
    expect(tokens, location?.href).toBeDefined()
    expect(decodeJwt(tokens!.access_token)).toMatchObject({
      sub: "oidc-my-company-ann",
      username: "ann",
      name: "The ann",
      email: "ann@example.org",
      groups: ["staff"],
    })
  })

  it("proves them anew when the application asks for that", async () => {
    for (const asked of [{ prompt: "login" }, { max_age: "60" }])
      expect((await login("ann", asked)).tokens).toBeDefined()
  })

  it("lets in whom the list names by a verified address only", async () => {
    const { location } = await login("unverified")
    expect(location?.searchParams.get("error")).toBe("access_denied")
  })
})
