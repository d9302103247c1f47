import type { Exchange } from "./exchange.ts"
import type { Socket } from "node:net"
import type { TLSSocket } from "node:tls"
import { addressBlock } from "../platform/rate-limit.ts"
import { normalHostName } from "../projections/request-host.ts"
import { plainAddress } from "./client-address.ts"

/** A client connection behind its handshake. */
export interface ClientConnection {
  readonly socket: Socket
  readonly secure: boolean
  /** Address of the other end. */
  readonly peer: string
  /** SNI as looked up; undefined without one. Never decides routing. */
  readonly serverName: string | undefined
  /** X-Forwarded-For, -Proto and -Port lines for clients that are not behind a trusted proxy. */
  readonly forwardedLines: string
  /** The newest Host header and what it says: it seldom changes on a connection. */
  host: { readonly text: string; readonly name: string; readonly authority: string } | undefined
  /** Requests begun. */
  requests: number
  /** Requests whose answer is not finished. */
  active: number
  /** The request that came last, until it is answered and complete. */
  newest: Exchange | undefined
  /** When it was opened or its last answer was finished; monotonic milliseconds. */
  idleSince: number
  /** When its newest request's head was complete. */
  bodySince: number
  /** `bytesRead` at one of these moments; -1 until a tick looked. */
  bytesThen: number
  /** An answer announced the end of the connection: what still comes is not looked at. */
  closing: boolean
  /** Answers a broken request once everything before it is answered. */
  afterLast: (() => void) | undefined
}

/** Time limits of a connection, milliseconds; the rate is bytes per second. */
export interface ConnectionTimes {
  readonly firstByte: number
  readonly headers: number
  readonly keepAlive: number
  readonly bodyGrace: number
  readonly bodyRate: number
}

/** The connections that are open, and who may open another. */
export interface Admission {
  readonly open: ReadonlySet<Socket>
  /** Says yes or no to a new connection, and forgets it when it closes. */
  admit(socket: Socket): boolean
}

/**
 * Limits the connections in all and of one address (IPv6: one /64).
 * @param exempt addresses that many clients share: trusted proxies
 */
export function admission(most: number, mostPerBlock: number, exempt: (address: string) => boolean): Admission {
  const open = new Set<Socket>()
  const perBlock = new Map<string, number>()
  return {
    open,
    admit(socket) {
      const address = plainAddress(socket.remoteAddress ?? "")
      const block = addressBlock(address)
      const count = perBlock.get(block) ?? 0
      if (open.size >= most || (count >= mostPerBlock && !exempt(address))) return false
      open.add(socket)
      perBlock.set(block, count + 1)
      socket.once("close", () => {
        open.delete(socket)
        const left = (perBlock.get(block) ?? 1) - 1
        if (left > 0) perBlock.set(block, left)
        else perBlock.delete(block)
      })
      return true
    },
  }
}

/** @param port public port of the listener, for X-Forwarded-Port */
export function clientConnection(socket: Socket, secure: boolean, port: number, now: number): ClientConnection {
  const peer = plainAddress(socket.remoteAddress ?? "")
  const name = secure ? (socket as TLSSocket & { servername?: string | false }).servername : undefined
  return {
    socket,
    secure,
    peer,
    serverName: typeof name === "string" ? (normalHostName(name) ?? "") : undefined,
    forwardedLines: forwardedLinesFor(peer, secure, port),
    host: undefined,
    requests: 0,
    active: 0,
    newest: undefined,
    idleSince: now,
    bodySince: now,
    bytesThen: socket.bytesRead,
    closing: false,
    afterLast: undefined,
  }
}

/** The lines that tell the backend where a request came from. */
export function forwardedLinesFor(address: string, secure: boolean, port: number): string {
  const scheme = secure ? "https" : "http"
  return `X-Forwarded-For: ${address}\r\nX-Forwarded-Proto: ${scheme}\r\nX-Forwarded-Port: ${port}\r\n`
}

/** What a tick found wrong with a connection. */
export type Overdue = "idle" | "slow_body"

/**
 * Looks at one connection: silent from its start, idle for too long, or sending a body too slowly. What Node's own timers
 * do not see: a connection without a byte, blank lines between requests, and a body of one byte a second.
 */
export function overdue(connection: ClientConnection, times: ConnectionTimes, now: number): Overdue | undefined {
  const { socket, newest } = connection
  if (connection.bytesThen === -1) connection.bytesThen = socket.bytesRead
  if (connection.active > 0) {
    const req = newest?.req
    if (req === undefined || req.complete || times.bodyRate === 0) return undefined
    if (req.readableLength > 0 || req.isPaused()) {
      // We are the slow side: the client's clock stands still.
      connection.bodySince = now - times.bodyGrace
      connection.bytesThen = socket.bytesRead
      return undefined
    }
    const due = ((now - connection.bodySince - times.bodyGrace) / 1000) * times.bodyRate
    return socket.bytesRead - connection.bytesThen < due ? "slow_body" : undefined
  }
  const limit = connection.requests === 0 ? times.firstByte : times.keepAlive
  const begun = socket.bytesRead !== connection.bytesThen
  return now - connection.idleSince > limit + (begun ? times.headers : 0) ? "idle" : undefined
}

/**
 * Has Node's timer watch a connection while its client owes the taking of an answer: it sees every byte that leaves, and starts anew.
 * @param limit milliseconds
 */
export function watchReading({ socket, active, newest }: ClientConnection, limit: number): void {
  const waits = active > 0 && newest?.phase !== "spliced" && socket.writableLength > 0
  if (waits === Boolean(socket.timeout)) return
  socket.setTimeout(waits ? limit : 0)
}
