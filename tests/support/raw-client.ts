import { type Socket, connect } from "node:net"
import { connect as connectTls } from "node:tls"
import { once } from "node:events"

/** A connection on which a test writes bytes as it likes. */
export interface RawClient {
  readonly socket: Socket
  /** Everything received so far, as latin1. */
  received(): string
  /** Waits until the received text satisfies the test, or fails after the deadline. */
  until(done: (text: string) => boolean, ms?: number): Promise<string>
  /** Waits for the other side to close; what it sent. */
  closed(ms?: number): Promise<string>
  readonly isClosed: boolean
}

/** Opens a plain connection, or a TLS one when a server name (null: none) is given. */
export async function rawClient(port: number, serverName?: string | null): Promise<RawClient> {
  const socket =
    serverName === undefined
      ? connect({ port, host: "127.0.0.1" })
      : connectTls({
          port,
          host: "127.0.0.1",
          rejectUnauthorized: false,
          ...(serverName !== null && { servername: serverName }),
        })
  let text = ""
  let isClosed = false
  const waiting = new Set<() => void>()
  const wake = () => waiting.forEach((check) => check())
  socket.on("data", (chunk: Buffer) => {
    text += chunk.toString("latin1")
    wake()
  })
  socket.on("close", () => {
    isClosed = true
    wake()
  })
  await once(socket, serverName === undefined ? "connect" : "secureConnect")
  // A reset is one of the ways in which the edge may close.
  socket.on("error", () => {})
  const wait = (done: () => boolean, ms: number) =>
    new Promise<string>((resolve, reject) => {
      const check = () => {
        if (!done()) return
        clearTimeout(timer)
        waiting.delete(check)
        resolve(text)
      }
      const timer = setTimeout(() => {
        waiting.delete(check)
        reject(new Error(`nothing more came within ${ms} ms; so far: ${JSON.stringify(text.slice(0, 500))}`))
      }, ms)
      waiting.add(check)
      check()
    })
  return {
    socket,
    received: () => text,
    until: (done, ms = 5000) => wait(() => done(text), ms),
    closed: (ms = 5000) => wait(() => isClosed, ms),
    get isClosed() {
      return isClosed
    },
  }
}

/** Sends bytes and returns everything that came until the other side closed. */
export async function rawExchange(port: number, bytes: string, serverName?: string | null): Promise<string> {
  const client = await rawClient(port, serverName)
  client.socket.write(bytes, "latin1")
  const text = await client.closed()
  client.socket.destroy()
  return text
}

/** Status codes of the answers in a text, in order. */
export function statuses(text: string): number[] {
  return [...text.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map((match) => Number(match[1]))
}
