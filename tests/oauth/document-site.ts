import type { IncomingMessage, ServerResponse } from "node:http"
import { createServer } from "node:https"
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { execFileSync } from "node:child_process"
import { join } from "node:path"
import { once } from "node:events"
import { tmpdir } from "node:os"

type Reply = (response: ServerResponse, request: IncomingMessage) => void

/** An https site that serves clients' documents, under any name below `localhost`. */
export interface DocumentSite {
  /** `https://client.localhost:<port>` */
  readonly origin: string
  readonly port: number
  /** Certificate that it is trusted by. */
  readonly ca: string
  /** Paths that were asked for, in order, each with its Host header. */
  readonly seen: { path: string; host: string | undefined }[]
  /** Sets the answer of a path. */
  answer(path: string, reply: Reply): void
  /** Serves a JSON document. @returns its URL */
  publish(path: string, document: unknown, headers?: Record<string, string>): string
  stop(): Promise<void>
}

export const jsonReply =
  (value: unknown, headers: Record<string, string> = {}, status = 200): Reply =>
  (response) =>
    void response.writeHead(status, { "content-type": "application/json", ...headers }).end(JSON.stringify(value))

export async function documentSite(): Promise<DocumentSite> {
  const { key, cert } = selfSigned()
  const replies = new Map<string, Reply>()
  const seen: DocumentSite["seen"] = []
  const server = createServer({ key, cert }, (request, response) => {
    const path = request.url ?? ""
    seen.push({ path, host: request.headers.host })
    const reply = replies.get(path)
    if (reply === undefined) response.writeHead(404).end()
    else reply(response, request)
  }).listen(0, "127.0.0.1")
  await once(server, "listening")
  const { port } = server.address() as { port: number }
  const origin = `https://client.localhost:${port}`
  return {
    origin,
    port,
    ca: cert,
    seen,
    answer: (path, reply) => void replies.set(path, reply),
    publish(path, document, headers) {
      replies.set(path, jsonReply(document, headers))
      return origin + path
    },
    async stop() {
      server.closeAllConnections()
      server.close()
      await once(server, "close")
    },
  }
}

function selfSigned(): { key: string; cert: string } {
  const cwd = mkdtempSync(join(tmpdir(), "gatehouse-site-"))
  try {
    writeFileSync(
      join(cwd, "names"),
      "subjectAltName=DNS:client.localhost,DNS:other.localhost,DNS:localhost,DNS:documents.example,IP:127.0.0.1",
    )
    const openssl = (line: string) => execFileSync("openssl", line.split(" "), { cwd, stdio: "pipe" })
    openssl("ecparam -name prime256v1 -genkey -noout -out key.pem")
    openssl("req -new -key key.pem -subj /CN=documents -out request.pem")
    openssl("x509 -req -in request.pem -signkey key.pem -days 2 -sha256 -extfile names -out cert.pem")
    return { key: readFileSync(join(cwd, "key.pem"), "utf8"), cert: readFileSync(join(cwd, "cert.pem"), "utf8") }
  } finally {
    rmSync(cwd, { recursive: true })
  }
}
