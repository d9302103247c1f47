import type { IncomingMessage, ServerResponse } from "node:http"
import { createServer, request } from "node:https"
import type { Pebble } from "./pebble.ts"
import { once } from "node:events"

/** What the relay does with one request instead of passing it on and back. */
export type Fault =
  | {
      readonly kind: "answer"
      readonly status: number
      readonly headers?: Record<string, string>
      readonly body?: string
    }
  /** Processed by the CA, but the answer never arrives. */
  | { readonly kind: "cut-after" }
  /** Never reaches the CA; the connection is cut. */
  | { readonly kind: "cut-before" }
  | { readonly kind: "hang" }
  /** Passed on once that has happened. */
  | { readonly kind: "hold"; readonly until: Promise<unknown> }
  /** Processed by the CA; the body of its answer is replaced. */
  | { readonly kind: "rewrite"; readonly body: (text: string) => string }

/** A TLS relay in front of a CA. Keeps the Host header, so that the CA's URLs lead back to it. */
export interface AcmeRelay {
  readonly directoryUrl: string
  readonly port: number
  /** `METHOD /path` of every request so far. */
  readonly seen: string[]
  /** Asked for every request; undefined passes it on. */
  fault: (method: string, path: string) => Fault | undefined
  stop(): Promise<void>
}

/** Starts a relay with the CA's own certificate on a free port. */
export async function startAcmeRelay(pebble: Pebble): Promise<AcmeRelay> {
  const server = createServer({ cert: pebble.serverPem, key: pebble.serverKeyPem })
  const relay = { seen: [] as string[], fault: (_method: string, _path: string): Fault | undefined => undefined }
  server.on("request", (incoming, outgoing) => {
    const [method, path] = [incoming.method ?? "", incoming.url ?? ""]
    relay.seen.push(`${method} ${path}`)
    handle(relay.fault(method, path), incoming, outgoing, pebble)
  })
  server.listen(0, "127.0.0.1")
  await once(server, "listening")
  const { port } = server.address() as { port: number }
  return Object.assign(relay, {
    port,
    directoryUrl: `https://localhost:${port}/dir`,
    async stop() {
      server.close()
      server.closeAllConnections()
      await once(server, "close")
    },
  })
}

function handle(fault: Fault | undefined, incoming: IncomingMessage, outgoing: ServerResponse, pebble: Pebble): void {
  if (fault?.kind === "hang") return
  if (fault?.kind === "hold") return void fault.until.then(() => handle(undefined, incoming, outgoing, pebble))
  if (fault?.kind === "cut-before") return void incoming.socket.destroy()
  if (fault?.kind === "answer") return void outgoing.writeHead(fault.status, fault.headers).end(fault.body ?? "")
  const { method, url: path, headers } = incoming
  const call = request(
    { host: "127.0.0.1", port: pebble.port, ca: pebble.caPem, agent: false, method, path, headers },
    (answer) => {
      const parts: Buffer[] = []
      answer.on("data", (part: Buffer) => parts.push(part))
      answer.on("end", () => {
        if (fault?.kind === "cut-after") return void incoming.socket.destroy()
        const text = Buffer.concat(parts)
        const body = fault?.kind === "rewrite" ? Buffer.from(fault.body(text.toString())) : text
        const { "content-length": _length, "transfer-encoding": _coding, ...kept } = answer.headers
        outgoing.writeHead(answer.statusCode ?? 502, { ...kept, "content-length": body.length }).end(body)
      })
    },
  )
  call.on("error", () => incoming.socket.destroy())
  incoming.pipe(call)
}
