import { describe, expect, it } from "vitest"
import { client, node, resource, tokenNode } from "./token-node.ts"
import { authorizePath, registerClient, verifier } from "./flow.ts"
import { send } from "./oauth-node.ts"

tokenNode()

const programs = [
  ["/.well-known/oauth-authorization-server", "GET"],
  ["/.well-known/openid-configuration", "GET"],
  ["/.well-known/jwks.json", "GET"],
  ["/jwks", "GET"],
  ["/register", "POST"],
  ["/register/mcp_x", "GET"],
  ["/device_authorization", "POST"],
  ["/token", "POST"],
  ["/revoke", "POST"],
  ["/introspect", "POST"],
] as const
const pages = ["/", "/authorize", "/consent", "/login", "/login/github", "/callback", "/logout", "/account", "/device"]
const methods = ["GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS"]

describe("every answer of the OAuth host", () => {
  it.each([...programs.map(([path]) => path), ...pages, "/verify", "/nothing-here", "/.well-known/x"])(
    "has the headers that every one has, whatever the method: %s",
    async (path) => {
      for (const method of methods) {
        const { status, headers } = await send(node, path, { method })
        expect(status, method).toBeLessThan(500)
        expect(headers, method).toMatchObject({
          "strict-transport-security": "max-age=31536000",
          "x-content-type-options": "nosniff",
          "referrer-policy": "no-referrer",
        })
      }
    },
  )

  it.each([...programs.map(([path]) => path), ...pages.slice(1)])(
    "is the same with a slash at its end: %s",
    async (path) => {
      const [plain, slashed] = [await send(node, path), await send(node, `${path}/`)]
      expect(slashed.status).toBe(plain.status)
      if (plain.status >= 300 && plain.status < 400) expect(slashed.location!.pathname).toBe(plain.location!.pathname)
    },
  )

  it.each(programs)("may be read by programs of every origin, without credentials: %s", async (path, method) => {
    const origin = { origin: "https://app.example" }
    const { headers } = await send(node, path, { method, headers: origin })
    expect(headers["access-control-allow-origin"]).toBe("*")
    expect(headers["access-control-allow-credentials"]).toBeUndefined()
    const preflight = { ...origin, "access-control-request-method": method }
    const asked = await send(node, path, { method: "OPTIONS", headers: preflight })
    expect([asked.status, asked.headers["access-control-allow-origin"]]).toEqual([204, "*"])
    expect(asked.headers["access-control-allow-methods"]?.split(", ")).toContain(method)
    expect(asked.headers["access-control-max-age"]).toBe("600")
  })

  it.each(pages)("that is a page may be read by nobody else, nor framed, and runs no script: %s", async (path) => {
    const answer = await send(node, path, { headers: { origin: "https://app.example" } })
    expect(answer.headers["access-control-allow-origin"]).toBeUndefined()
    if (!String(answer.headers["content-type"]).startsWith("text/html")) return
    const policy = String(answer.headers["content-security-policy"])
    expect(policy).toContain("default-src 'none'")
    expect(policy).toContain("frame-ancestors 'none'")
    expect(policy).not.toMatch(/script-src|unsafe-inline/)
    expect(answer.text).not.toMatch(/<script|\son\w+=/i)
    expect(answer.headers["cache-control"]).toBe("no-store")
  })

  it("to a program that errs has the shape of RFC 6749, for a wrong method too", async () => {
    const wrong = { "/token": "GET", "/revoke": "GET", "/introspect": "PUT", "/register": "GET", "/jwks": "POST" }
    for (const [path, method] of Object.entries(wrong)) {
      const answer = await send(node, path, { method })
      expect([answer.status, answer.json()], path).toEqual([
        405,
        { error: "invalid_request", error_description: "the method is not allowed here" },
      ])
      expect(answer.headers).toMatchObject({
        allow: expect.any(String) as string,
        "cache-control": "no-store",
        "content-type": "application/json",
      })
    }
  })
})

describe("the key set", () => {
  it("holds public keys with algorithm, use and id alone, and may be kept for five minutes", async () => {
    const answer = await send(node, "/jwks")
    expect(answer.headers["cache-control"]).toBe("public, max-age=300")
    const { keys } = answer.json<{ keys: Record<string, string>[] }>()
    expect(keys.map((key) => Object.keys(key).toSorted())).toEqual([["alg", "crv", "kid", "kty", "use", "x", "y"]])
    expect(keys[0]).toMatchObject({ alg: "ES256", use: "sig", kty: "EC", crv: "P-256" })
    expect((await send(node, "/.well-known/jwks.json")).text).toBe(answer.text)
  })
})

describe("the answer to an authorization request", () => {
  it("is a redirect by 303 after a form, so that no form is sent on", async () => {
    const query = new URLSearchParams(authorizePath(client, verifier(), { resource, prompt: "none" }).split("?")[1])
    expect((await send(node, "/authorize", { form: query })).status).toBe(303)
  })

  it("keeps the registered redirect URI byte for byte and adds to its query", async () => {
    const uri = "https://client.example/a%2Fb;c=1?x=%20&y"
    const odd = await registerClient(node, { redirect_uris: [uri] })
    const { headers } = await send(node, authorizePath(odd, verifier(), { resource, prompt: "none" }))
    expect(headers.location).toMatch(/^https:\/\/client\.example\/a%2Fb;c=1\?x=%20&y&error=login_required&/)
  })
})
