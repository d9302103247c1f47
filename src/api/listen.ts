import { listen } from "listhen"
import type { NodeHandler } from "h3"
import type { IncomingMessage, Server } from "node:http"
import type { Duplex } from "node:stream"
import type { UpgradeHandler } from "./event-socket.ts"
import { eventStreamPath } from "./event-stream-path.ts"
import { promisify } from "node:util"

/** The loopback listener of the admin API. */
export interface ApiListener {
  readonly port: number
  /** Takes no more connections, waits for open requests until `graceMs` passed, then cuts them. */
  close(graceMs: number): Promise<void>
}

/**
 * Serves the admin API on 127.0.0.1.
 * @param port 0 for any free one
 * @param upgrade takes handshakes for WebSockets
 * @throws Error when the port is taken: the listener never moves to another one
 */
export async function listenApi(handler: NodeHandler, port: number, upgrade?: UpgradeHandler): Promise<ApiListener> {
  const listener = await listen(handler, {
    // As a number, listhen takes 0 for "from 3000 on": two processes that start at once find the same one free, and one ends.
    port: { port, random: port === 0 },
    hostname: "127.0.0.1",
    isProd: true,
    public: false,
    autoClose: false,
    showURL: false,
    qr: false,
    clipboard: false,
    open: false,
  })
  const server = listener.server as Server
  // listhen counts requests with a second listener, which throws out of the event loop when a connection ends before its
  // answer does: one client could end the process. Node has closed idle connections by itself since version 19.
  for (const counting of server.listeners("request").slice(1)) server.off("request", counting as () => void)
  if (upgrade !== undefined) takeHandshakes(server, upgrade)
  return {
    port: (server.address() as { port: number }).port,
    async close(graceMs) {
      const cut = setTimeout(() => server.closeAllConnections(), graceMs)
      await promisify(server.close.bind(server))()
      clearTimeout(cut)
    },
  }
}

/** A handshake for anything else is an ordinary request, whose Upgrade header says nothing (RFC 9110 §7.8). */
function takeHandshakes(server: Server, upgrade: UpgradeHandler): void {
  Object.assign(server, {
    shouldUpgradeCallback: ({ url, headers }: IncomingMessage) =>
      url?.split("?")[0] === eventStreamPath && headers.upgrade?.toLowerCase() === "websocket",
  })
  server.on("upgrade", (req: IncomingMessage, socket: Duplex, head: Buffer) => {
    void upgrade(req, socket, head, req.socket.remoteAddress)
  })
}
