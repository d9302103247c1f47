import { type IncomingHttpHeaders, type IncomingMessage, type ServerResponse, createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { Webhook } from "standardwebhooks"
import { once } from "node:events"

/** One message as it arrived. */
export interface Received {
  readonly id: string
  readonly headers: IncomingHttpHeaders
  readonly body: string
  readonly position: number
  readonly type: string
}

type Behaviour = (message: Received, response: ServerResponse) => void

/** A receiver of webhooks on loopback. */
export interface Receiver {
  readonly url: string
  readonly port: number
  /** Every attempt, in the order in which they came. */
  readonly received: readonly Received[]
  /** Positions of the events that came, in their order. */
  readonly positions: () => number[]
  /** What it answers from now on; 204 at first. */
  behave(behaviour: Behaviour): void
  /** Verifies a message as a receiver would. @throws when no signature is right */
  verify(message: Received, secret: string): unknown
  stop(): Promise<void>
}

/** Takes everything. */
export const takes: Behaviour = (_, response) => void response.writeHead(204).end()
/** Answers with a status. */
export const answers =
  (status: number, headers: Record<string, string> = {}): Behaviour =>
  (_, response) =>
    void response.writeHead(status, headers).end()

/** Starts a receiver. */
export async function webhookReceiver(port = 0): Promise<Receiver> {
  const received: Received[] = []
  let behaviour = takes
  const read = async (request: IncomingMessage, response: ServerResponse) => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    const body = Buffer.concat(chunks).toString()
    const { type, data } = JSON.parse(body) as { type: string; data: { position?: number } }
    const { headers } = request
    const message = { id: String(headers["webhook-id"]), headers, body, position: data.position ?? 0, type }
    received.push(message)
    behaviour(message, response)
  }
  const server = createServer((request, response) => void read(request, response).catch(() => response.destroy()))
  server.listen(port, "127.0.0.1")
  await once(server, "listening")
  const bound = (server.address() as AddressInfo).port
  return {
    url: `http://127.0.0.1:${bound}/hook`,
    port: bound,
    received,
    positions: () => received.map(({ position }) => position),
    behave: (next) => void (behaviour = next),
    verify: ({ body, headers }, secret) => new Webhook(secret).verify(body, headers as Record<string, string>),
    async stop() {
      server.closeAllConnections()
      server.close()
      await once(server, "close")
    },
  }
}
