import { createServer } from "node:net"
import { expect, test } from "vitest"
import { freePort, freePortRange } from "./ports.ts"
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

test("a range of ports is nobody else's, nor any port of it one that is given alone", async () => {
  const taken = new Set<number>()
  for (let count = 0; count < 3; count += 1) {
    const first = freePortRange()
    for (let port = first; port < first + 40; port += 1) {
      expect(taken.has(port), String(port)).toBe(false)
      taken.add(port)
    }
  }
  for (let count = 0; count < 20; count += 1) expect(taken.has(await freePort())).toBe(false)
})
