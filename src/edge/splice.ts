import type { Exchange, UpgradeSocket } from "./exchange.ts"
import type { Socket } from "node:net"
import type { ResponseHead } from "./response-parser.ts"
import { lender } from "./read-buffers.ts"
import { dropUpstream } from "./abandon.ts"

/** Has the upstream switched to WebSocket? From there on bytes go both ways untouched. */
export function isSpliced(exchange: Exchange): boolean {
  return exchange.phase === "spliced"
}

/** Client bytes that are held until the upstream has switched. */
const mostEarly = 65_536

/**
 * Watches the client's socket from the start, before any other work: an upgraded socket without handlers ends the process
 * when the client resets it. Early bytes wait; a client that goes away ends the exchange.
 */
export function watchUpgrade(exchange: Exchange, { socket, early }: UpgradeSocket): void {
  let held = 0
  socket.on("error", () => socket.destroy())
  socket.on("drain", () => {
    if (!isSpliced(exchange)) return void exchange.res.emit("drain")
    exchange.paused = false
    exchange.upstream?.socket?.resume()
  })
  socket.on("data", (chunk: Buffer) => {
    exchange.received += chunk.length
    exchange.lastByte = exchange.edge.now()
    if (isSpliced(exchange)) {
      if (exchange.upstream?.socket?.write(chunk) === false) socket.pause()
      return
    }
    early.push(chunk)
    held += chunk.length
    if (held > mostEarly) socket.pause()
  })
  socket.on("end", () => {
    if (isSpliced(exchange)) exchange.upstream?.socket?.end()
    else socket.destroy()
  })
}

/** Gives the socket to a handler of our own, with what came early. It is paused until that handler reads it. */
export function releaseUpgrade({ res }: Exchange, { socket, early }: UpgradeSocket): { socket: Socket; early: Buffer } {
  socket.pause()
  for (const name of ["data", "end", "drain"]) socket.removeAllListeners(name)
  res.detachSocket(socket)
  return { socket, early: Buffer.concat(early.splice(0)) }
}

/**
 * Joins the client's socket with the upstream's (RFC 6455): the 101 goes out, then whatever came early on either side.
 * @param rest bytes of the upstream behind its head
 * @returns whether the upstream may be read on
 */
export function splice(exchange: Exchange, head: ResponseHead, rest: Buffer): boolean {
  const { upgrade, upstream, res } = exchange
  const up = upstream?.socket
  if (upgrade === undefined || up === undefined || upgrade.socket.destroyed) return false
  const { socket, early } = upgrade
  exchange.phase = "spliced"
  res.detachSocket(socket)
  res.statusCode = 101
  let lines = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
  for (let i = 0; i < head.headers.length; i += 2) lines += `${head.headers[i]}: ${head.headers[i + 1]}\r\n`
  socket.write(`${lines}\r\n`, "latin1")
  let flowing = true
  for (const chunk of early.splice(0)) flowing = up.write(chunk)
  if (flowing) socket.resume()
  return rest.length === 0 || toClient(exchange, rest)
}

/** Bytes of the upstream, in the buffer that it reads into. */
export function spliceBytes(exchange: Exchange, bytes: Buffer, length: number): boolean {
  const { upstream, edge } = exchange
  return lender(bytes, upstream!.reading, edge.upstreams.buffers, (chunk, written) =>
    toClient(exchange, chunk, written),
  )(0, length)
}

function toClient(exchange: Exchange, bytes: Buffer, written?: (error?: Error | null) => void): boolean {
  exchange.bytes += bytes.length
  const flowing = exchange.upgrade?.socket.write(bytes, written) === true
  exchange.paused = !flowing
  return flowing
}

/** The upstream takes bytes again. */
export function spliceDrain(exchange: Exchange): void {
  exchange.upgrade?.socket.resume()
}

/** The upstream is gone: the client's side ends after what is queued for it. */
export function endSplice(exchange: Exchange): void {
  exchange.phase = "done"
  dropUpstream(exchange)
  exchange.upgrade?.socket.destroySoon()
}

/** Close frame with code 1008, policy violation (RFC 6455 §7.4.1); servers do not mask. */
const policyClose = Buffer.from([0x88, 0x02, 0x03, 0xf0])
/** Close frame with code 1001, going away. */
const awayClose = Buffer.from([0x88, 0x02, 0x03, 0xe9])

/** Ends a WebSocket from our side. */
export function closeSplice(exchange: Exchange, why: "policy" | "away"): void {
  exchange.upgrade?.socket.write(why === "policy" ? policyClose : awayClose)
  endSplice(exchange)
}
