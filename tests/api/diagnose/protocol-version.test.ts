import type { AddressInfo } from "node:net"
import { connect } from "../../../src/api/diagnose/resource-steps.ts"
import { createServer } from "node:http"
import { expect, test } from "vitest"
import { once } from "node:events"
import { reach } from "../../../src/api/diagnose/reach.ts"

const own = { serves: () => false, address: "127.0.0.1", port: () => 1, internalCa: () => undefined }

test.each([[undefined, "2025-06-18"] as const, ["2025-11-25", "2025-11-25"] as const])(
  "the doctor opens with the revision %s as %s",
  async (protocolVersion, sent) => {
    const seen: unknown[] = []
    const server = createServer((request, answer) => {
      let text = ""
      request.on("data", (chunk: Buffer) => (text += chunk.toString()))
      request.on("end", () => {
        const body = JSON.parse(text) as { params: { protocolVersion: string } }
        seen.push(request.headers["mcp-protocol-version"], body.params.protocolVersion)
        answer.end("{}")
      })
    }).listen(0, "127.0.0.1")
    await once(server, "listening")
    const { port } = server.address() as AddressInfo
    const signal = AbortSignal.timeout(5000)
    const calls = await reach({ own, allow: () => true, signal, ...(protocolVersion && { protocolVersion }) })
    try {
      await connect(calls, `http://127.0.0.1:${port}/mcp`)
      expect(seen).toEqual([sent, sent])
    } finally {
      await calls.close()
      server.close()
    }
  },
)
