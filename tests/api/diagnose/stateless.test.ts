import { type Answers, examine, good } from "./stand-in-server.ts"
import { describe, expect, it } from "vitest"
import type { IncomingMessage } from "node:http"

const revision = "2026-07-28"

/** A server of the revision without a handshake, which knows no other. */
const stateless = ({ headers }: IncomingMessage) =>
  headers["mcp-protocol-version"] === revision && headers["mcp-method"] === "server/discover"
    ? {
        body: {
          jsonrpc: "2.0",
          id: 1,
          result: {
            resultType: "complete",
            supportedVersions: [revision],
            capabilities: {},
            _meta: { "io.modelcontextprotocol/serverInfo": { name: "modern", version: "1" } },
          },
        },
      }
    : {
        status: 400,
        body: { jsonrpc: "2.0", id: 1, error: { code: -32022, message: "no", data: { supported: [revision] } } },
      }

const words = 'The MCP server "modern" answers with revision "2026-07-28".'

describe("a server that has no handshake", () => {
  it("is found good where it asks nobody to sign in", async () => {
    const found = await examine({ "POST /mcp": (_, request) => stateless(request) })
    expect(found.broken).toBeNull()
    expect(found.steps.at(-1)).toEqual({ step: "call", status: "ok", words })
  })

  it("is found good behind a sign-in, with a token", async () => {
    const answers: Answers = {
      ...good,
      "POST /mcp": (origin, request) =>
        request.headers.authorization === "Bearer good" ? stateless(request) : good["POST /mcp"]!(origin, request),
    }
    const found = await examine(answers, "/mcp", "good")
    expect(found.broken).toBeNull()
    expect(found.steps.at(-1)).toEqual({ step: "call", status: "ok", words })
  })

  it("is broken when it has nothing to say of itself either", async () => {
    const error = { code: -32022, message: "no" }
    const found = await examine({ "POST /mcp": () => ({ status: 400, body: { jsonrpc: "2.0", id: 1, error } }) })
    expect(found.broken).toMatchObject({ step: "challenge", words: expect.stringContaining("answered 400") as string })
  })
})
