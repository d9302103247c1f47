import {
  type Server as HttpServer,
  type IncomingMessage,
  type ServerOptions,
  type ServerResponse,
  createServer,
} from "node:http"
import { type Server as HttpsServer, createServer as createSecureServer } from "node:https"
import {
  type ClientConnection,
  type ConnectionTimes,
  admission,
  clientConnection,
  overdue,
  watchReading,
} from "./client-connections.ts"
import type { AddressInfo, Socket } from "node:net"
import type { Config } from "../platform/config.ts"
import type { ErrorCode } from "../errors.ts"
import type { Logger } from "../platform/log.ts"
import type { TlsOptions } from "node:tls"
import { UnknownServerName } from "./tls.ts"
import { addressRanges } from "./client-address.ts"
import { duplexPair } from "node:stream"
import { isUpgrade } from "./upgrade.ts"
import { reason } from "../platform/log.ts"

/** What the listeners hand on. All of it is called synchronously. */
export interface ListenHandlers {
  request(client: ClientConnection, req: IncomingMessage, res: ServerResponse): void
  upgrade(client: ClientConnection, req: IncomingMessage, socket: Socket, head: Buffer): void
  /** Bytes that are no request; nothing else is in progress on the connection. */
  malformed(client: ClientConnection, code: ErrorCode): void
  /** The newest request's body broke off or came too slowly. */
  brokenBody(client: ClientConnection, code: ErrorCode): void
}

/** The two public listeners. */
export interface Listeners {
  readonly httpPort: number
  readonly httpsPort: number
  readonly clients: ReadonlyMap<Socket, ClientConnection>
  readonly secureServer: HttpsServer
  /** Looks for connections that are overdue. */
  tick(now: number): void
  /** Takes no new connections and closes those that do nothing. */
  stop(): void
  /** Cuts every connection, also those in their handshake. */
  cut(): void
  /** Settles when the last connection is closed. */
  closed(): Promise<void>
}

/** A port cannot be bound. The message says what to change. */
export class PortError extends Error {
  override name = "PortError"
}

/**
 * Binds both listeners. Port 0 takes a free one.
 * @param now monotonic milliseconds
 * @throws PortError
 */
export async function listen(
  config: Config,
  tls: TlsOptions,
  handlers: ListenHandlers,
  log: Logger,
  now: () => number,
): Promise<Listeners> {
  await assertStrictParser()
  const options: ServerOptions = {
    insecureHTTPParser: false,
    // Room for a head at its limit, so that our own checks choose between 414 and 431.
    maxHeaderSize: config.EDGE_MAX_HEADER_BYTES + config.EDGE_MAX_URL_BYTES + 1024,
    headersTimeout: config.EDGE_HEADERS_TIMEOUT * 1000,
    requestTimeout: 0,
    connectionsCheckingInterval: 1000,
    // Idle connections are closed by `tick`, which also sees blank lines; Node's timer costs every request.
    keepAliveTimeout: 0,
    // A stream that never has a byte does not go through the life of one. Who reads bodies here knows what it looks like.
    optimizeEmptyRequests: true,
    requireHostHeader: false,
    noDelay: true,
    shouldUpgradeCallback: isUpgrade,
  }
  const http = createServer(options)
  const https = createSecureServer({ ...options, ...tls, handshakeTimeout: config.EDGE_HANDSHAKE_TIMEOUT * 1000 })
  const clients = new Map<Socket, ClientConnection>()
  const { admit, open } = admission(
    config.EDGE_MAX_CONNECTIONS,
    config.EDGE_MAX_CONNECTIONS_PER_IP,
    addressRanges(config.TRUSTED_PROXIES).has,
  )
  for (const server of [http, https]) {
    limitConnections(server, admit)
    serve(server, server === https, clients, handlers, config, log, now)
  }
  const times = timesOf(config)
  try {
    await bind(http, config.HTTP_PORT, config.SERVER_HOST, "HTTP_PORT")
    await bind(https, config.HTTPS_PORT, config.SERVER_HOST, "HTTPS_PORT")
  } catch (error) {
    http.close()
    throw error
  }
  return {
    httpPort: (http.address() as AddressInfo).port,
    httpsPort: (https.address() as AddressInfo).port,
    clients,
    secureServer: https,
    tick(at) {
      for (const client of clients.values()) {
        watchReading(client, times.keepAlive)
        const fault = overdue(client, times, at)
        if (fault === "idle") client.socket.destroy()
        else if (fault === "slow_body") handlers.brokenBody(client, "request_timeout")
      }
    },
    stop() {
      http.close()
      https.close()
      for (const client of clients.values()) if (client.active === 0) client.socket.end()
    },
    cut() {
      for (const socket of open) socket.destroy()
    },
    async closed() {
      const ended = (server: HttpServer | HttpsServer) =>
        new Promise<void>((resolve) =>
          server.getConnections((_, count) => (count === 0 ? resolve() : server.once("close", resolve))),
        )
      await Promise.all([ended(http), ended(https)])
    },
  }
}

const timesOf = (config: Config): ConnectionTimes => ({
  firstByte: config.EDGE_FIRST_BYTE_TIMEOUT * 1000,
  headers: config.EDGE_HEADERS_TIMEOUT * 1000,
  keepAlive: config.EDGE_KEEPALIVE_TIMEOUT * 1000,
  bodyGrace: 10_000,
  bodyRate: config.EDGE_BODY_MIN_RATE,
})

/** Node's own listener for new connections runs only for those that are admitted; the others are closed unread. */
function limitConnections(server: HttpServer | HttpsServer, admit: (socket: Socket) => boolean): void {
  const accept = server.listeners("connection") as ((socket: Socket) => void)[]
  server.removeAllListeners("connection")
  server.on("connection", (socket: Socket) => {
    socket.on("error", () => socket.destroy())
    if (!admit(socket)) return void socket.destroy()
    for (const listener of accept) listener.call(server, socket)
  })
}

function serve(
  server: HttpServer | HttpsServer,
  secure: boolean,
  clients: Map<Socket, ClientConnection>,
  handlers: ListenHandlers,
  config: Config,
  log: Logger,
  now: () => number,
): void {
  server.maxHeadersCount = 0
  const port = () => (secure && config.publicHttpsPort) || ((server.address() as AddressInfo | null)?.port ?? 0)
  server.on(secure ? "secureConnection" : "connection", (socket: Socket) => {
    if (socket.destroyed) return
    clients.set(socket, clientConnection(socket, secure, port(), now()))
    socket.once("close", () => clients.delete(socket))
  })
  const request = (req: IncomingMessage, res: ServerResponse) => {
    const client = clients.get(req.socket)
    if (client === undefined) req.socket.destroy()
    else if (!client.closing) handlers.request(client, req, res)
  }
  server.on("request", request)
  server.on("checkContinue", request)
  server.on("checkExpectation", request)
  server.on("upgrade", (req: IncomingMessage, socket: Socket, head: Buffer) => {
    const client = clients.get(socket)
    if (client === undefined || client.closing) socket.destroy()
    else handlers.upgrade(client, req, socket, head)
  })
  server.on("connect", (_: IncomingMessage, socket: Socket) => {
    const client = clients.get(socket)
    socket.on("error", () => socket.destroy())
    if (client === undefined || client.active > 0) socket.destroy()
    else handlers.malformed(client, "method_not_allowed")
  })
  server.on("clientError", (error: NodeJS.ErrnoException & ParserError, socket: Socket) => {
    const client = clients.get(socket)
    const code = codeOf(error)
    if (client === undefined || code === undefined || !socket.writable) return void socket.destroy()
    // An answer that ends the connection is on its way.
    if (client.closing) return
    if (client.active === 0 && client.newest === undefined) handlers.malformed(client, code)
    else if (client.newest?.req.complete === false) handlers.brokenBody(client, code)
    else client.afterLast = () => handlers.malformed(client, code)
  })
  server.on("timeout", (socket: Socket) => {
    const newest = clients.get(socket)?.newest
    if (newest !== undefined) newest.reason ??= "client_stalled"
    socket.destroy()
  })
  server.on("tlsClientError", (error: Error, socket: Socket) => {
    socket.destroy()
    if (!(error instanceof UnknownServerName)) log.debug("tls_handshake_failed", { reason: reason(error) })
  })
}

/** What Node's parser adds to its errors. */
interface ParserError {
  readonly bytesParsed?: number
  readonly rawPacket?: Buffer
}

/** The refusal for a parser's or a timer's error; undefined when there is nobody to tell. */
function codeOf(error: NodeJS.ErrnoException & ParserError): ErrorCode | undefined {
  switch (error.code) {
    case "ERR_HTTP_REQUEST_TIMEOUT":
      return "request_timeout"
    case "HPE_HEADER_OVERFLOW":
      // Still in the request line: the target is what is too long.
      return error.rawPacket?.subarray(0, error.bytesParsed).includes(10) ? "headers_too_large" : "uri_too_long"
    case "HPE_CHUNK_EXTENSIONS_OVERFLOW":
      return "payload_too_large"
    default:
      return error.code?.startsWith("HPE_") ? "bad_request" : undefined
  }
}

async function bind(server: HttpServer | HttpsServer, port: number, host: string, variable: string): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) => reject(portError(error, port, variable)))
    server.listen({ port, host, backlog: 1024 }, () => resolve())
  })
}

function portError(error: NodeJS.ErrnoException, port: number, variable: string): Error {
  if (error.code === "EACCES")
    return new PortError(
      `port ${port} (${variable}) needs a privilege that this process does not have: give the node binary ` +
        `CAP_NET_BIND_SERVICE, or choose ports from 1024 up with HTTP_PORT and HTTPS_PORT`,
      { cause: error },
    )
  if (error.code === "EADDRINUSE")
    return new PortError(`port ${port} (${variable}) is in use: choose others with HTTP_PORT and HTTPS_PORT`, {
      cause: error,
    })
  return new PortError(`port ${port} (${variable}) cannot be bound: ${error.message}`, { cause: error })
}

/**
 * Refuses to run where an option or the environment made Node's parser lenient: it then takes what others read differently.
 * @throws Error
 * @public for a process of its own
 */
export async function assertStrictParser(): Promise<void> {
  const [client, server] = duplexPair()
  const probe = createServer()
  const lenient = await new Promise<boolean>((resolve) => {
    probe.on("request", () => resolve(true))
    probe.on("clientError", () => resolve(false))
    probe.emit("connection", server)
    // A line feed alone ends lines only for a lenient parser.
    client.write("GET / HTTP/1.1\nHost: probe\n\n")
  })
  server.destroy()
  client.destroy()
  if (lenient) throw new Error("Node's HTTP parser is lenient (--insecure-http-parser); Gatehouse does not start so")
}
