import { describe, expect, it } from "vitest"
import { diagnose } from "../../../src/api/diagnose/diagnose.ts"
import { reach } from "../../../src/api/diagnose/reach.ts"
import { standInServer, type Answers, metadata, good, metadataWith, own, examine } from "./stand-in-server.ts"

standInServer()

const missing = () => ({ status: 404 })

describe("the first broken step has a name and words:", () => {
  it.each<[what: string, step: string, words: RegExp, answers: Answers]>([
    [
      "no metadata",
      "resource_metadata",
      /the challenge names is not usable: it is answered 404/,
      { [`GET ${metadata}/mcp`]: missing, [`GET ${metadata}`]: missing },
    ],
    [
      "no metadata that anybody names",
      "resource_metadata",
      /There is no protected resource metadata/,
      {
        "POST /mcp": () => ({ status: 401, headers: { "www-authenticate": "Bearer" } }),
        [`GET ${metadata}/mcp`]: missing,
        [`GET ${metadata}`]: missing,
      },
    ],
    [
      "a page for metadata",
      "resource_metadata",
      /no JSON object/,
      { [`GET ${metadata}/mcp`]: () => ({ body: "<html>" }) },
    ],
    [
      "metadata without a server",
      "resource_metadata",
      /names no authorization server/,
      { [`GET ${metadata}/mcp`]: (origin) => ({ body: { resource: `${origin}/mcp`, authorization_servers: [] } }) },
    ],
    [
      "another host as resource",
      "audience",
      /clients refuse it/,
      {
        [`GET ${metadata}/mcp`]: (origin) => ({
          body: { resource: "https://elsewhere.example/mcp", authorization_servers: [origin] },
        }),
      },
    ],
    [
      "another path as resource",
      "audience",
      /does not cover \/mcp/,
      {
        [`GET ${metadata}/mcp`]: (origin) => ({
          body: { resource: `${origin}/other`, authorization_servers: [origin] },
        }),
      },
    ],
    [
      "the wrong resource in the root document",
      "audience",
      /must be about/,
      { [`GET ${metadata}`]: (origin) => ({ body: { resource: `${origin}/mcp`, authorization_servers: [origin] } }) },
    ],
    [
      "an http issuer",
      "server_metadata",
      /not an https URL: "http:\/\/issuer\.example"/,
      {
        [`GET ${metadata}/mcp`]: (origin) => ({
          body: { resource: `${origin}/mcp`, authorization_servers: ["http://issuer.example"] },
        }),
      },
    ],
    [
      "no server metadata",
      "server_metadata",
      /no authorization server metadata/,
      { "GET /.well-known/oauth-authorization-server": missing, "GET /.well-known/openid-configuration": missing },
    ],
    [
      "another issuer",
      "server_metadata",
      /compare letter by letter/,
      metadataWith((origin) => ({ issuer: `${origin}/` })),
    ],
    [
      "an http token endpoint",
      "server_metadata",
      /token_endpoint is not an https URL/,
      metadataWith(() => ({ token_endpoint: "http://far.example/token" })),
    ],
    [
      "no word about PKCE",
      "pkce",
      /does not say that it supports PKCE/,
      metadataWith(() => ({ code_challenge_methods_supported: undefined })),
    ],
    [
      "PKCE without S256",
      "pkce",
      /only "\["plain"\]"/,
      metadataWith(() => ({ code_challenge_methods_supported: ["plain"] })),
    ],
    ["keys that are none", "keys", /has no keys/, { "GET /jwks": () => ({ body: { keys: [] } }) }],
    ["a registration that is not there", "registration", /answers 404/, { "POST /register": missing }],
    [
      "a registration that is refused",
      "registration",
      /403 with "access_denied"/,
      { "POST /register": () => ({ status: 403, body: { error: "access_denied" } }) },
    ],
    [
      "no way to register",
      "registration",
      /neither registration_endpoint nor/,
      metadataWith(() => ({ registration_endpoint: undefined })),
    ],
    [
      "a resource that the server does not know",
      "authorization",
      /does not know the resource/,
      {
        "GET /authorize": () => ({
          status: 302,
          headers: { location: "http://127.0.0.1:33418/callback?error=invalid_target" },
        }),
      },
    ],
    [
      "an authorization endpoint that fails",
      "authorization",
      /answers 500/,
      { "GET /authorize": () => ({ status: 500 }) },
    ],
    ["a 401 that says nothing", "challenge", /no WWW-Authenticate/, { "POST /mcp": () => ({ status: 401 }) }],
    [
      "another scheme",
      "challenge",
      /another scheme than Bearer: "Basic realm=x"/,
      { "POST /mcp": () => ({ status: 401, headers: { "www-authenticate": "Basic realm=x" } }) },
    ],
    [
      "a redirect",
      "challenge",
      /do not follow a redirect/,
      { "POST /mcp": () => ({ status: 307, headers: { location: "/elsewhere" } }) },
    ],
    ["nothing at the address", "challenge", /no MCP endpoint at this address/, { "POST /mcp": missing }],
    [
      "a server that does not check",
      "rejection",
      /does not check tokens/,
      {
        "POST /mcp": (origin, request) =>
          request.headers.authorization === undefined ? good["POST /mcp"]!(origin, request) : {},
      },
    ],
  ])("%s", async (_what, step, words, answers) => {
    const { broken, ok } = await examine(answers)
    expect(ok).toBe(false)
    expect(broken).toEqual({ step, words: expect.stringMatching(words) })
  })

  it("what does not answer, is no URL, may not be called, or is not encrypted", async () => {
    const calls = await reach({ own, allow: (address) => address === "127.0.0.1", signal: AbortSignal.timeout(15_000) })
    const words = async (url: string) => (await diagnose(calls, url, undefined, Date.now())).broken
    expect(await words("http://127.0.0.1:9/mcp")).toEqual({
      step: "connection",
      words: "127.0.0.1:9 cannot be reached: nothing listens there.",
    })
    expect(await words("http://mcp.example/mcp")).toMatchObject({
      step: "connection",
      words: expect.stringContaining("must be an https URL"),
    })
    expect(await words("nonsense")).toMatchObject({ step: "connection", words: '"nonsense" is no URL.' })
    expect(await words("https://10.1.2.3/mcp")).toMatchObject({
      words: expect.stringContaining("not one that may be called from here"),
    })
    expect(await words("https://localhost:9/mcp")).toMatchObject({ step: "connection" })
    await calls.close()
  })
})
