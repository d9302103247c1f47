import { once } from "node:events"
import { createServer, type Server } from "node:net"

/** A port that is going to be needed. */
export interface WantedPort {
  /** Variable that sets it. */
  readonly name: string
  readonly host: string
  readonly port: number
}

/** What stands against using these ports together; empty when nothing does. Each text names the variable to change. */
export async function portProblems(wanted: readonly WantedPort[]): Promise<readonly string[]> {
  const open: Server[] = []
  const problems: string[] = []
  for (const item of wanted) {
    const server = createServer()
    try {
      server.listen(item.port, item.host)
      await once(server, "listening")
      open.push(server)
    } catch (error) {
      problems.push(explain(item, error as NodeJS.ErrnoException))
    }
  }
  await Promise.all(open.map((server) => once(server.close(), "close")))
  return problems
}

function explain({ name, host, port }: WantedPort, error: NodeJS.ErrnoException): string {
  switch (error.code) {
    case "EACCES":
      return `${name}=${port}: ports below 1024 need rights that this user lacks; run as root, or set HTTP_PORT and HTTPS_PORT to higher ports (for example HTTP_PORT=8080 HTTPS_PORT=8443)`
    case "EADDRINUSE":
      return `${name}=${port}: something else listens on ${host}:${port}; set ${name} to a free port`
    case "EADDRNOTAVAIL":
    case "ENOTFOUND":
      return `SERVER_HOST=${host}: this machine has no such address`
    default:
      return `${name}=${port}: ${error.message}`
  }
}
