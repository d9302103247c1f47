import { type IncomingMessage, createServer } from "node:http"
import { once } from "node:events"
import { request } from "node:https"

/** Adds an access token to every request, for programs that cannot. */
export interface Forwarder {
  /** `http://127.0.0.1:<port>` and the path of the target. */
  readonly url: string
  stop(): Promise<void>
}

/**
 * Starts it on a free port of 127.0.0.1. Its own name in Host and Origin becomes the target's; any other is passed on
 * for the target to judge.
 * @param target protected URL, reached at 127.0.0.1
 * @param ca certificate that the target is trusted by
 */
export async function forwarder(target: URL, ca: string, accessToken: string): Promise<Forwarder> {
  const own = (value: string) => [`127.0.0.1:${port}`, `localhost:${port}`].includes(value)
  const headersOf = ({ rawHeaders }: IncomingMessage) => {
    const headers: string[] = ["Authorization", `Bearer ${accessToken}`]
    for (let at = 0; at < rawHeaders.length; at += 2) {
      const [name, value] = [rawHeaders[at]!, rawHeaders[at + 1]!]
      const bare = value.replace(/^http:\/\//, "")
      if (/^host$/i.test(name)) headers.push(name, own(value) ? target.host : value)
      else if (/^origin$/i.test(name)) headers.push(name, own(bare) ? target.origin : value)
      else if (!/^connection$/i.test(name)) headers.push(name, value)
    }
    return headers
  }
  const server = createServer((incoming, outgoing) => {
    const onward = request(
      {
        host: "127.0.0.1",
        port: target.port,
        servername: target.hostname,
        ca,
        path: incoming.url,
        method: incoming.method,
        headers: headersOf(incoming),
      },
      (answer) => {
        outgoing.writeHead(answer.statusCode ?? 502, answer.rawHeaders)
        outgoing.flushHeaders()
        answer.on("error", () => outgoing.destroy()).pipe(outgoing)
      },
    )
    onward.on("error", () => outgoing.destroy())
    outgoing.on("close", () => onward.destroy())
    incoming.pipe(onward)
  }).listen(0, "127.0.0.1")
  await once(server, "listening")
  const { port } = server.address() as { port: number }
  return {
    url: `http://127.0.0.1:${port}${target.pathname}`,
    async stop() {
      server.closeAllConnections()
      server.close()
      await once(server, "close")
    },
  }
}
