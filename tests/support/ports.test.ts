import { createServer } from "node:net"
import { expect, test } from "vitest"
import { freePort } from "./ports.ts"
import { once } from "node:events"
import { readFileSync } from "node:fs"

test("a free port is nobody else's, none that an outgoing connection could be given meanwhile, and can be listened on", async () => {
  const [first = 0, last = 0] = readFileSync("/proc/sys/net/ipv4/ip_local_port_range", "utf8")
    .trim()
    .split(/\s+/)
    .map(Number)
  const given = new Set<number>()
  for (let count = 0; count < 100; count += 1) {
    const port = await freePort()
    expect(given.has(port), String(port)).toBe(false)
    given.add(port)
    expect(port < first || port > last, String(port)).toBe(true)
    const server = createServer().listen(port, "127.0.0.1")
    await once(server, "listening")
    server.close()
  }
})
