import { type Server, type Socket, createServer } from "node:net"
import { once } from "node:events"

/** One request as its bytes came, as latin1. */
export interface RecordedRequest {
  readonly line: string
  /** Header lines in order. */
  readonly headers: readonly string[]
  /** Content with its chunk framing, if any. */
  readonly body: string
  readonly socket: Socket
  /** 1 for the first request of its connection. */
  readonly nth: number
}

/** An upstream without an HTTP library: it records bytes and answers by hand. */
export interface Recorder {
  readonly port: number
  readonly requests: RecordedRequest[]
  /** Bytes of every connection, complete requests or not. */
  readonly raw: string[]
  readonly sockets: Set<Socket>
  /** Connections accepted since the start. */
  connections: number
  /** Called for each complete request. Default: 200 with two bytes. */
  respond: (request: RecordedRequest) => void
  /** Called with each new connection. */
  onConnection: (socket: Socket) => void
  reset(): void
  close(): Promise<void>
}

/** A small answer that keeps the connection open. */
export const ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

/** Starts a recorder on a free port. */
export async function recorder(): Promise<Recorder> {
  const server: Server = createServer()
  const self: Recorder = {
    port: 0,
    requests: [],
    raw: [],
    sockets: new Set(),
    connections: 0,
    respond: ({ socket }) => void socket.write(ok),
    onConnection: () => {},
    reset() {
      self.requests.length = 0
      self.raw.length = 0
      self.connections = 0
      self.respond = ({ socket }) => void socket.write(ok)
      self.onConnection = () => {}
      for (const socket of self.sockets) socket.destroy()
    },
    async close() {
      for (const socket of self.sockets) socket.destroy()
      server.close()
      await once(server, "close")
    },
  }
  server.on("connection", (socket) => {
    const index = self.connections
    self.connections += 1
    self.sockets.add(socket)
    self.raw[index] = ""
    let text = ""
    let nth = 0
    socket.on("error", () => {})
    socket.on("close", () => self.sockets.delete(socket))
    socket.on("data", (chunk) => {
      self.raw[index] += chunk.toString("latin1")
      text += chunk.toString("latin1")
      for (let found = takeRequest(text); found !== undefined; found = takeRequest(text)) {
        text = text.slice(found.used)
        nth += 1
        const request = { ...found.request, socket, nth }
        self.requests.push(request)
        self.respond(request)
      }
    })
    self.onConnection(socket)
  })
  server.listen(0, "127.0.0.1")
  await once(server, "listening")
  return Object.assign(self, { port: (server.address() as { port: number }).port })
}

function takeRequest(text: string) {
  const end = text.indexOf("\r\n\r\n")
  if (end === -1) return undefined
  const [line = "", ...headers] = text.slice(0, end).split("\r\n")
  const rest = text.slice(end + 4)
  const length = bodyLength(headers, rest)
  if (length === undefined) return undefined
  return { used: end + 4 + length, request: { line, headers, body: rest.slice(0, length) } }
}

function bodyLength(headers: readonly string[], rest: string): number | undefined {
  if (headers.some((header) => /^transfer-encoding: chunked$/i.test(header))) {
    const last = /(?:^|\r\n)0\r\n\r\n/.exec(rest)
    return last === null ? undefined : last.index + last[0].length
  }
  const length = Number(headers.find((header) => /^content-length:/i.test(header))?.split(":")[1] ?? 0)
  return rest.length < length ? undefined : length
}
