import { type IncomingMessage, type Server, type ServerResponse, createServer } from "node:http"
import { afterEach, describe, expect, it } from "vitest"
import type { AddressInfo } from "node:net"
import { diagnose } from "../../../src/api/diagnose/diagnose.ts"
import { once } from "node:events"
import { reach } from "../../../src/api/diagnose/reach.ts"

type Answer = { status?: number; headers?: Record<string, string>; body?: unknown }
type Answers = Record<string, (origin: string, request: IncomingMessage) => Answer | Promise<Answer>>

let server: Server | undefined
afterEach(() => {
  server?.closeAllConnections()
  server?.close()
})

const metadata = "/.well-known/oauth-protected-resource"
const open = { "access-control-allow-origin": "*" }

/** An MCP server and its authorization server in one, as they should be; a real listener on loopback. */
const good: Answers = {
  "POST /mcp": (origin, { headers }) => {
    if (headers.authorization === "Bearer good")
      return {
        body: { jsonrpc: "2.0", id: 1, result: { serverInfo: { name: "stub" }, protocolVersion: "2025-06-18" } },
      }
    const error = headers.authorization === undefined ? "" : 'error="invalid_token", '
    return {
      status: 401,
      headers: { "www-authenticate": `Bearer ${error}resource_metadata="${origin}${metadata}/mcp"` },
    }
  },
  [`GET ${metadata}/mcp`]: (origin) => ({
    headers: open,
    body: { resource: `${origin}/mcp`, authorization_servers: [origin] },
  }),
  [`GET ${metadata}`]: (origin) => ({ headers: open, body: { resource: origin, authorization_servers: [origin] } }),
  "GET /.well-known/oauth-authorization-server": (origin) => ({ headers: open, body: serverMetadata(origin) }),
  "GET /.well-known/openid-configuration": (origin) => ({ headers: open, body: serverMetadata(origin) }),
  "GET /jwks": () => ({ body: { keys: [{ kty: "EC" }] } }),
  "POST /register": () => ({ status: 201, body: { client_id: "c" } }),
  "GET /authorize": () => ({ headers: { "content-type": "text/html" }, body: "sign in" }),
  "OPTIONS /token": () => ({ status: 204, headers: open }),
}

function serverMetadata(origin: string) {
  return {
    issuer: origin,
    authorization_endpoint: `${origin}/authorize`,
    token_endpoint: `${origin}/token`,
    registration_endpoint: `${origin}/register`,
    jwks_uri: `${origin}/jwks`,
    response_types_supported: ["code"],
    code_challenge_methods_supported: ["S256"],
  }
}

const metadataWith = (change: (origin: string) => object): Answers => {
  const answer = (origin: string) => ({ headers: open, body: { ...serverMetadata(origin), ...change(origin) } })
  return { "GET /.well-known/oauth-authorization-server": answer, "GET /.well-known/openid-configuration": answer }
}

async function serve(answers: Answers): Promise<string> {
  const handle = async (request: IncomingMessage, response: ServerResponse) => {
    const origin = `http://127.0.0.1:${(server!.address() as AddressInfo).port}`
    const answer = answers[`${request.method} ${new URL(request.url!, origin).pathname}`]
    const {
      status = 200,
      headers = {},
      body = {},
    } = answer === undefined ? { status: 404 } : await answer(origin, request)
    response.writeHead(status, { "content-type": "application/json", ...headers })
    response.end(typeof body === "string" ? body : JSON.stringify(body))
  }
  server = createServer((request, response) => void handle(request, response)).listen(0, "127.0.0.1")
  await once(server, "listening")
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

const own = { serves: () => false, address: "127.0.0.1", port: () => 0, internalCa: () => undefined }

async function examine(
  answers: Answers,
  path = "/mcp",
  token?: string,
  allow: (address: string) => boolean = () => true,
) {
  const origin = await serve({ ...good, ...answers })
  const calls = reach({ own, allow, signal: AbortSignal.timeout(15_000) })
  try {
    return await diagnose(calls, origin + path, token, Date.now())
  } finally {
    await calls.close()
  }
}

describe("a server as it should be", () => {
  it("is found good in every step, with a token and without", async () => {
    const found = await examine({}, "/mcp", "good")
    expect(found).toMatchObject({ ok: true, broken: null })
    expect(new Set(found.steps.map(({ status }) => status))).toEqual(new Set(["ok"]))
  })

  it("may offer another scheme besides", async () => {
    const schemes = ['DPoP algs="ES256"', "Bearer"]
    const found = await examine({
      "POST /mcp": (origin, request) =>
        request.headers.authorization === undefined
          ? { status: 401, headers: { "www-authenticate": schemes as unknown as string } }
          : good["POST /mcp"]!(origin, request),
    })
    expect(found.ok).toBe(true)
    expect(found.steps.find(({ step }) => step === "challenge")).toMatchObject({ status: "warning" })
  })

  it("may answer as an event stream that stays open, and be asked for a token by nobody", async () => {
    const result = { serverInfo: { name: "open" }, protocolVersion: "2025-06-18" }
    const body = `event: message\ndata: ${JSON.stringify({ jsonrpc: "2.0", id: 1, result })}\n\n`
    const found = await examine({ "POST /mcp": () => ({ headers: { "content-type": "text/event-stream" }, body }) })
    expect(found.steps.filter(({ status }) => status !== "skipped").map(({ step, status }) => [step, status])).toEqual([
      ["connection", "ok"],
      ["challenge", "ok"],
      ["call", "ok"],
    ])
  })
})

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
    const calls = reach({ own, allow: (address) => address === "127.0.0.1", signal: AbortSignal.timeout(15_000) })
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

describe("a server that means harm", () => {
  it("cannot write to the reader's terminal, fill the report, or send the check elsewhere", async () => {
    const long = "x".repeat(100_000)
    const found = await examine({
      [`GET ${metadata}/mcp`]: () => ({
        body: { resource: `https://evil.example/\u001b[2J${long}`, authorization_servers: ["https://a.example"] },
      }),
    })
    expect(found.broken!.words).not.toContain("\u001b")
    expect(found.broken!.words.length).toBeLessThan(600)
    const internal = await examine(
      {
        [`GET ${metadata}/mcp`]: (origin) => ({
          body: { resource: `${origin}/mcp`, authorization_servers: ["https://169.254.169.254"] },
        }),
      },
      "/mcp",
      undefined,
      (address) => address === "127.0.0.1",
    )
    expect(internal.broken).toMatchObject({
      step: "server_metadata",
      words: expect.stringContaining("not one that may be called from here"),
    })
  })

  it("cannot hold it up with a body that never ends", async () => {
    const found = await examine({ [`GET ${metadata}/mcp`]: () => ({ body: `{"resource":"${"y".repeat(2_000_000)}` }) })
    expect(found.broken).toMatchObject({ step: "resource_metadata" })
  })
})
