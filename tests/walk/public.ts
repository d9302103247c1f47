import { describe, expect, it } from "vitest"
import type { Login } from "../support/mcp-login.ts"
import type { System } from "./system.ts"
import type { Json, Uses } from "./uses.ts"
import { browser } from "../support/browser.ts"
import { challenge, verifier } from "../oauth/flow.ts"

const form = (fields: Record<string, string>) => ({
  method: "POST",
  headers: { "content-type": "application/x-www-form-urlencoded" },
  body: new URLSearchParams(fields).toString(),
})

/** What the public listeners answer themselves: the authorization server's endpoints, metadata, an MCP host, health. */
export function walkPublic({ used, refused }: Uses, system: () => System, signedIn: () => Login): void {
  const issuer = () => `https://auth.localhost:${system().node.httpsPort}`
  const host = () => `https://mcp.internal:${system().node.httpsPort}`
  const get = (url: string, init?: RequestInit) => signedIn().fetch(url, init)

  /** Asserts both answers of an endpoint and records them. */
  const answers = async (entry: string, good: Response, status: number, bad?: Response, wrong = 400) => {
    expect(good.status, entry).toBe(status)
    used.add(entry)
    if (bad !== undefined) expect(bad.status, entry).toBe(wrong)
    refused.add(entry)
    return /json/.test(good.headers.get("content-type") ?? "")
      ? ((await good.json()) as Json)
      : { text: await good.text() }
  }

  describe("the public side", () => {
    it("describes the authorization server and the resource", async () => {
      const server = "/.well-known/oauth-authorization-server"
      const described = await answers(
        `GET ${server}`,
        await get(issuer() + server),
        200,
        await get(issuer() + server, { method: "DELETE" }),
        405,
      )
      expect(described).toMatchObject({
        issuer: issuer(),
        code_challenge_methods_supported: ["S256"],
        token_endpoint: `${issuer()}/token`,
      })
      const resource = "/.well-known/oauth-protected-resource"
      const own = await answers(
        `GET ${resource}`,
        await get(host() + resource),
        200,
        await get(`${host()}${resource}/elsewhere`),
        404,
      )
      expect(own).toMatchObject({ resource: host(), authorization_servers: [issuer()] })
      const inserted = await get(`${host()}${resource}/mcp`)
      expect(await inserted.json()).toMatchObject({ resource: `${host()}/mcp`, authorization_servers: [issuer()] })
      expect(
        (
          await answers(
            "GET /jwks",
            await get(`${issuer()}/jwks`),
            200,
            await get(`${issuer()}/jwks`, { method: "POST" }),
            405,
          )
        )["keys"],
      ).toHaveLength(1)
    })

    it("registers a client, shows it to a person and gives it tokens, which can be looked at and taken back", async () => {
      const { dispatcher } = signedIn()
      const redirect_uri = "http://127.0.0.1:9999/callback"
      const json = (body: object) => ({
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify(body),
      })
      const registered = await answers(
        "POST /register",
        await get(`${issuer()}/register`, json({ client_name: "Walker", redirect_uris: [redirect_uri] })),
        201,
        await get(`${issuer()}/register`, json({ client_name: "Walker", redirect_uris: ["http://far.example"] })),
      )
      const client = {
        client_id: registered["client_id"] as string,
        client_secret: registered["client_secret"] as string,
      }
      const code_verifier = verifier()
      const authorize = new URL(`${issuer()}/authorize`)
      const asked = {
        response_type: "code",
        client_id: client.client_id,
        redirect_uri,
        state: "s",
        code_challenge: challenge(code_verifier),
        code_challenge_method: "S256",
        resource: `${host()}/mcp`,
      }
      authorize.search = new URLSearchParams(asked).toString()
      const person = browser(dispatcher)
      const consent = await person.fetch(authorize)
      expect([consent.status, consent.text.includes("Walker")]).toEqual([200, true])
      used.add("GET /authorize")
      expect((await get(`${issuer()}/authorize?client_id=none`)).status).toBe(400)
      refused.add("GET /authorize")
      const login = await person.fetch((await person.submit(consent, { decision: "allow" })).location!)
      const back = new URL((await person.submit(login, { token: system().alice })).location!)
      const redemption = {
        ...client,
        grant_type: "authorization_code",
        code: back.searchParams.get("code")!,
        redirect_uri,
        code_verifier,
      }
      const wrong = await get(`${issuer()}/token`, form({ ...redemption, code_verifier: verifier() }))
      const basic = registered["token_endpoint_auth_method"] === "client_secret_basic"
      const authorization = `Basic ${Buffer.from(`${client.client_id}:${client.client_secret}`).toString("base64")}`
      const as = (fields: Record<string, string>) => {
        const { client_id: _id, client_secret: _secret, ...rest } = fields
        const sent = form(basic ? rest : fields)
        return basic ? { ...sent, headers: { ...sent.headers, authorization } } : sent
      }
      const tokens = await answers(
        "POST /token",
        await get(`${issuer()}/token`, as(redemption)),
        200,
        wrong,
        basic ? 401 : 400,
      )
      const token = tokens["access_token"] as string
      const seen = await answers(
        "POST /introspect",
        await get(`${issuer()}/introspect`, as({ ...client, token })),
        200,
        await get(`${issuer()}/introspect`, form({ token })),
        401,
      )
      expect(seen).toMatchObject({ active: true, sub: "local-alice" })
      const forwarded = { "x-forwarded-host": `mcp.internal:${system().node.httpsPort}` }
      const verify = (bearer: string) =>
        get(`${issuer()}/verify`, { method: "POST", headers: { ...forwarded, authorization: `Bearer ${bearer}` } })
      await answers("POST /verify", await verify(token), 200, await verify("no.token"), 401)
      await walkMcp(token)
      await answers(
        "POST /revoke",
        await get(`${issuer()}/revoke`, as({ ...client, token })),
        200,
        await get(`${issuer()}/revoke`, form({ token })),
        401,
      )
      expect((await verify(token)).status).toBe(401)
    })

    /** The stream of an MCP session. */
    async function walkMcp(token: string) {
      const headers = {
        authorization: `Bearer ${token}`,
        "content-type": "application/json",
        accept: "application/json, text/event-stream",
      }
      const initialize = {
        jsonrpc: "2.0",
        id: 1,
        method: "initialize",
        params: { protocolVersion: "2025-06-18", capabilities: {}, clientInfo: { name: "w", version: "1" } },
      }
      const opened = await get(`${host()}/mcp`, { method: "POST", headers, body: JSON.stringify(initialize) })
      expect(opened.status).toBe(200)
      const ending = new AbortController()
      const session = { ...headers, "mcp-session-id": opened.headers.get("mcp-session-id")! }
      const stream = await get(`${host()}/mcp`, { headers: session, signal: ending.signal })
      expect([stream.status, stream.headers.get("content-type")]).toEqual([200, "text/event-stream"])
      ending.abort()
      used.add("GET /mcp")
      expect((await get(`${host()}/mcp`)).status).toBe(401)
      refused.add("GET /mcp")
    }

    it("takes what an identity provider sends back", async () => {
      const { dispatcher } = signedIn()
      expect((await get(`${issuer()}/callback?code=x&state=unknown`)).status).toBe(400)
      refused.add("GET /callback")
      const redirect_uri = "http://127.0.0.1:9999/callback"
      const body = JSON.stringify({
        client_name: "By company",
        redirect_uris: [redirect_uri],
        token_endpoint_auth_method: "none",
      })
      const { client_id } = (await (
        await get(`${issuer()}/register`, { method: "POST", headers: { "content-type": "application/json" }, body })
      ).json()) as Json
      const person = browser(dispatcher)
      const query = {
        response_type: "code",
        client_id: client_id as string,
        redirect_uri,
        state: "s",
        code_challenge: challenge(verifier()),
        code_challenge_method: "S256",
        resource: `${host()}/mcp`,
      }
      const consent = await person.fetch(`${issuer()}/authorize?${new URLSearchParams(query).toString()}`)
      const allowed = new URL((await person.submit(consent, { decision: "allow" })).location!)
      const sent = new URL(
        (await person.fetch(`${issuer()}/login/oidc?transaction=${allowed.searchParams.get("transaction")}`)).location!,
      )
      expect(sent.origin).toBe(system().provider.issuer)
      system().provider.nonce = sent.searchParams.get("nonce") ?? ""
      const done = await person.fetch(`${issuer()}/callback?code=the-code&state=${sent.searchParams.get("state")}`)
      expect([done.status, done.location]).toEqual([
        303,
        expect.stringMatching(/^http:\/\/127\.0\.0\.1:9999\/callback\?code=/),
      ])
      used.add("GET /callback")
    })

    it("tells whether it works", async () => {
      const { node } = system()
      const health = await fetch(`http://127.0.0.1:${node.apiPort}/health`)
      expect(
        await answers(
          "GET /health",
          health,
          200,
          await fetch(`http://127.0.0.1:${node.apiPort}/health`, { method: "POST" }),
          405,
        ),
      ).toEqual({ status: "healthy" })
    })
  })
}
