import { createSocket } from "node:dgram"
import { isIPv6 } from "node:net"
import { once } from "node:events"

/** A DNS server on 127.0.0.1 whose answers follow each other: the first to the first query, and so on, the last for ever. */
export interface NameServer {
  /** `127.0.0.1:<port>`, for `Resolver.setServers`. */
  readonly address: string
  /** Queries for addresses so far. */
  readonly queries: number
  /** Sets the answers of the next queries for IPv4 (`A`) or IPv6 (`AAAA`) addresses, and counts from 0 again. */
  answer(a: readonly string[], aaaa?: readonly string[]): void
  stop(): Promise<void>
}

const types = new Map([
  [1, "A"],
  [28, "AAAA"],
])

export async function nameServer(): Promise<NameServer> {
  let answers: Record<string, readonly string[]> = {}
  let queries = 0
  const asked: Record<string, number> = {}
  const socket = createSocket("udp4")
  socket.on("message", (query, from) => {
    // One question, RFC 1035 §4.1.2: the name as labels up to an empty one, then type and class.
    const end = query.indexOf(0, 12) + 5
    const type = types.get(query.readUInt16BE(end - 4)) ?? ""
    queries += 1
    const list = answers[type] ?? []
    const given = list[Math.min((asked[type] = (asked[type] ?? -1) + 1), list.length - 1)]
    const header = Buffer.from(query.subarray(0, 12))
    header.writeUInt16BE(0x8180, 2)
    header.writeUInt16BE(given === undefined ? 0 : 1, 6)
    header.fill(0, 8, 12)
    const record = given === undefined ? Buffer.alloc(0) : resourceRecord(query.readUInt16BE(end - 4), given)
    socket.send(Buffer.concat([header, query.subarray(12, end), record]), from.port, from.address)
  })
  socket.bind(0, "127.0.0.1")
  await once(socket, "listening")
  return {
    address: `127.0.0.1:${socket.address().port}`,
    get queries() {
      return queries
    },
    answer(a, aaaa = []) {
      answers = { A: a, AAAA: aaaa }
      queries = 0
      for (const type of Object.keys(asked)) delete asked[type]
    },
    async stop() {
      socket.close()
      await once(socket, "close")
    },
  }
}

/** The question's name by pointer, class IN, no life, and the address. */
function resourceRecord(type: number, address: string): Buffer {
  const data = isIPv6(address)
    ? Buffer.concat([Buffer.alloc(15), Buffer.from([1])])
    : Buffer.from(address.split(".").map(Number))
  const fixed = Buffer.from([0xc0, 0x0c, 0, type, 0, 1, 0, 0, 0, 0, 0, data.length])
  return Buffer.concat([fixed, data])
}
