import { type AddressInfo } from "node:net"
import { createServer } from "node:http"
import { expect, it } from "vitest"
import { once } from "node:events"
import { reach } from "../../../src/api/diagnose/reach.ts"

it.each(["localhost", "mcp.localhost", "A.B.LOCALHOST"])(
  "%s is this machine, whatever its name service says",
  async (host) => {
    const server = createServer((_, res) => res.end("here")).listen(0, "127.0.0.1")
    await once(server, "listening")
    const own = { address: "127.0.0.1", port: () => 1, serves: () => false, internalCa: () => undefined }
    const asked: string[] = []
    const allow = (address: string) => asked.push(address) > 0
    const calls = await reach({ own, allow, signal: new AbortController().signal })
    try {
      const { status, text } = await calls.ask(`http://${host}:${(server.address() as AddressInfo).port}/`)
      expect([status, text]).toEqual([200, "here"])
      expect(asked).toEqual(["127.0.0.1", "::1"])
    } finally {
      await calls.close()
      server.close()
    }
  },
)
