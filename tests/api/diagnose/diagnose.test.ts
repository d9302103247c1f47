import { describe, expect, it } from "vitest"
import { standInServer, metadata, good, examine } from "./stand-in-server.ts"

standInServer()

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
