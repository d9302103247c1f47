import type { EventNews, EventSubscription } from "./event-subscriptions.ts"
import { type Logger, reason } from "../platform/log.ts"
import type { IncomingMessage } from "node:http"
import type { Duplex } from "node:stream"
import { STATUS_CODES } from "node:http"
import { eventStreamPath, eventsProtocol } from "./event-stream-path.ts"
import { eventView } from "../projections/views/event.ts"
import nodeAdapter from "crossws/adapters/node"
import { pipeline } from "node:stream/promises"

/**
 * Takes over the socket of an opening handshake. Never rejects.
 * @param ip the client's address
 * @returns the status that was answered, 101 for a WebSocket
 */
export type UpgradeHandler = (
  req: IncomingMessage,
  socket: Duplex,
  head: Buffer,
  ip: string | undefined,
) => Promise<number>

/** What the WebSocket side of the stream is made of. */
export interface EventSocketParts {
  /** Opens the subscription that a request asks for, or gives the refusal. */
  readonly open: (request: Request, ip: string | undefined) => Promise<EventSubscription | Response>
  /** Longest time that a reader may leave what is there for it, milliseconds. */
  readonly stallMs: number
  readonly log: Logger
}

const tokenPrefix = "gatehouse.bearer."
/** Bytes that may wait in the socket before the next page is read. */
const mostBuffered = 65_536
/** Seconds between pings; one that was not answered by the next ends the connection. */
const pingSeconds = 15

/** Close codes (RFC 6455 §7.4; 4000 and up are ours). */
const closeCodes = {
  token_revoked: 4401,
  position_archived: 4410,
  too_slow: 4408,
  shutting_down: 1001,
  left: 1000,
} as const

interface Context extends Record<string, unknown> {
  readonly subscription?: EventSubscription
  drained?: () => void
}

/**
 * `GET /api/v1/events/stream` as a WebSocket (RFC 6455) by crossws: one text message an event, and `{"checkpoint": n}` where
 * there is nothing to say. What the client sends is not read.
 */
export function eventSocket({ open, stallMs, log }: EventSocketParts): UpgradeHandler {
  const adapter = nodeAdapter({
    idleTimeout: pingSeconds,
    serverOptions: { noServer: true, maxPayload: 1024, handleProtocols: () => false },
    hooks: {
      upgrade: (request) => (offered(request).includes(eventsProtocol) ? { protocol: eventsProtocol } : undefined),
      open(peer) {
        send(peer as unknown as Peer, stallMs).catch((error: unknown) => {
          log.error("subscription_failed", { error: reason(error) })
          peer.terminate()
        })
      },
      drain: (peer) => (peer.context as Context).drained?.(),
      close: (peer) => (peer.context as Context).subscription?.end("left"),
      error: (peer) => (peer.context as Context).subscription?.end("left"),
    },
  })
  return async (req, socket, head, ip) => {
    // Before anything that waits: a reset without a handler ends the process.
    socket.on("error", () => socket.destroy())
    const request = requestOf(req)
    const opened = await open(request, ip)
    if (opened instanceof Response) {
      await refuse(socket, opened)
      return opened.status
    }
    socket.once("close", () => opened.end("left"))
    if (socket.destroyed) opened.end("left")
    else await adapter.handleUpgrade(req, socket, head, Object.assign(request, { context: { subscription: opened } }))
    socket.resume()
    return 101
  }
}

/** The handshake as a request. A browser cannot set Authorization: it offers the token among the subprotocols. */
function requestOf(req: IncomingMessage): Request {
  const headers = new Headers()
  for (const [name, value] of Object.entries(req.headers)) if (typeof value === "string") headers.set(name, value)
  const token = offered({ headers }).find((name) => name.startsWith(tokenPrefix))
  if (token !== undefined && !headers.has("authorization"))
    headers.set("authorization", `Bearer ${Buffer.from(token.slice(tokenPrefix.length), "base64url").toString()}`)
  return new Request(`http://gatehouse${eventStreamPath}?${req.url?.split("?")[1] ?? ""}`, { headers })
}

function offered({ headers }: { readonly headers: Pick<Headers, "get"> }): string[] {
  return (headers.get("sec-websocket-protocol") ?? "").split(",").map((name) => name.trim())
}

/** What is used of a crossws peer. */
interface Peer {
  readonly context: Context
  /** @returns bytes that wait in the socket */
  send(data: string): number
  close(code: number, reason: string): void
  terminate(): void
}

async function send(peer: Peer, stallMs: number): Promise<void> {
  const { subscription } = peer.context
  if (subscription === undefined) return peer.terminate()
  const { caller, signal } = subscription
  peer.send(JSON.stringify({ checkpoint: subscription.position }))
  for (let news = await subscription.next(); news !== undefined; news = await subscription.next()) {
    const waiting = texts(news, caller.admin).reduce((_, text) => peer.send(text), 0)
    if (waiting > mostBuffered) await drained(peer.context, subscription, stallMs)
  }
  const why = signal.reason as keyof typeof closeCodes
  // Whoever does not read would not read the reason either.
  if (why === "too_slow") return peer.terminate()
  peer.close(closeCodes[why], why)
}

function texts({ events, position }: EventNews, admin: boolean): string[] {
  if (events.length === 0) return [JSON.stringify({ checkpoint: position })]
  return events.map((event) => JSON.stringify(eventView(event, admin)))
}

/** Waits until the socket is empty; a reader that lets it stand is ended. */
function drained(context: Context, { signal, end }: EventSubscription, stallMs: number): Promise<void> {
  return new Promise((resolve) => {
    const settle = () => {
      clearTimeout(timer)
      delete context.drained
      signal.removeEventListener("abort", settle)
      resolve()
    }
    const timer = setTimeout(() => end("too_slow"), stallMs)
    context.drained = settle
    signal.addEventListener("abort", settle, { once: true })
  })
}

async function refuse(socket: Duplex, response: Response): Promise<void> {
  const { status, headers } = response
  const body = Buffer.from(await response.arrayBuffer())
  const lines = [...headers].map(([name, value]) => `${name}: ${value}`)
  const head = [`HTTP/1.1 ${status} ${STATUS_CODES[status]}`, ...lines, `content-length: ${body.length}`]
  const text = Buffer.concat([Buffer.from(`${[...head, "connection: close"].join("\r\n")}\r\n\r\n`), body])
  await pipeline([text], socket).catch(() => socket.destroy())
}
