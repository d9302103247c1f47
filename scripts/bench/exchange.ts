import type { IncomingHttpHeaders } from "node:http"
import type { TLSSocket } from "node:tls"
import { request } from "node:https"

/** How a connection was agreed on, for the report. */
export interface Agreed {
  readonly protocol: string
  readonly cipher: string
  /** Curve of the server's key; undefined for one that is not elliptic. */
  readonly curve: string | undefined
}

/** An answer, whole. */
export interface Answer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: string
  readonly agreed: Agreed
}

/** One request of our own. */
export interface Exchange {
  readonly hostname: string
  readonly port: number
  readonly path: string
  readonly headers?: Readonly<Record<string, string>>
  /** Sent by POST; without it the method is GET. */
  readonly body?: string
}

/** One HTTPS request on a connection of its own to 127.0.0.1; SNI and Host carry the name. No certificate is refused. */
export function exchange({ hostname, port, path, headers, body }: Exchange): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const sent = request({
      host: "127.0.0.1",
      port,
      path,
      servername: hostname,
      method: body === undefined ? "GET" : "POST",
      headers: { Host: `${hostname}:${port}`, ...headers },
      rejectUnauthorized: false,
      agent: false,
      timeout: 10_000,
    })
    sent.on("timeout", () => sent.destroy(new Error("no answer within 10 s"))).on("error", reject)
    sent.on("response", (response) => {
      const agreed = agreement(response.socket as TLSSocket)
      const chunks: Buffer[] = []
      response.on("data", (chunk: Buffer) => chunks.push(chunk)).on("error", reject)
      response.on("end", () => {
        const { statusCode: status = 0, headers: received } = response
        resolve({ status, headers: received, body: Buffer.concat(chunks).toString(), agreed })
      })
    })
    sent.end(body)
  })
}

function agreement(socket: TLSSocket): Agreed {
  const { nistCurve } = socket.getPeerCertificate() as { nistCurve?: string }
  return { protocol: socket.getProtocol() ?? "none", cipher: socket.getCipher().name, curve: nistCurve }
}
