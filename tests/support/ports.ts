import { createServer } from "node:net"
import { randomInt } from "node:crypto"
import { mkdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { tmpdir } from "node:os"

/** Ports that the kernel gives to outgoing connections: one of these may be taken between being found free and being used. */
function ephemeral(): readonly [first: number, last: number] {
  try {
    const [first = 32_768, last = 60_999] = readFileSync("/proc/sys/net/ipv4/ip_local_port_range", "utf8")
      .trim()
      .split(/\s+/)
      .map(Number)
    return [first, last]
  } catch {
    return [32_768, 60_999]
  }
}

/** Below are the ports of services in tests, which take theirs from a range: {@link freePortRange}. */
const lowest = 29_100
const highest = 65_500
const [first, last] = ephemeral()
const below = Math.max(0, Math.min(first, highest) - lowest)
const above = Math.max(0, highest - Math.max(last, lowest))

const isFree = (port: number) =>
  new Promise<boolean>((resolve) => {
    const server = createServer().once("error", () => resolve(false))
    server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)))
  })

/**
 * Ports that somebody was given in this run, each a folder: making one is a single step, also among processes. Whoever stops a server
 * and starts it again finds its port free.
 */
function isFirst(port: number): boolean {
  const given = join(tmpdir(), "gatehouse-ports")
  mkdirSync(given, { recursive: true })
  try {
    mkdirSync(join(given, String(port)))
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false
    throw error
  }
}

/** Ports of the ranges that are given, and where the first of them begins. */
const rangeLength = 40
const firstRange = 12_000
const ranges = Math.floor((lowest - firstRange) / rangeLength)

/** Forty ports one after the other for the services of a node, which nobody else is given in this run. @returns the first of them */
export function freePortRange(): number {
  // Not from the first one on: another run may be under way on this machine.
  const start = randomInt(ranges)
  for (let tries = 0; tries < ranges; tries += 1) {
    const port = firstRange + ((start + tries) % ranges) * rangeLength
    if (isFirst(port)) return port
  }
  throw new Error("no range of ports is left")
}

/** A port that was free just now, that nobody else is given in this run, and that no outgoing connection will get. */
export async function freePort(): Promise<number> {
  for (let tries = 0; tries < 200; tries += 1) {
    const at = below + above > 0 ? randomInt(below + above) : 0
    const port = at < below ? lowest + at : Math.max(last, lowest) + 1 + at - below
    if ((await isFree(port)) && isFirst(port)) return port
  }
  throw new Error("no port is free outside of the range of outgoing connections")
}
