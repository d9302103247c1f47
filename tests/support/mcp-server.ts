import { programEnvironment } from "./program-environment.ts"
import { type ChildProcess, spawn } from "node:child_process"
import { freePort } from "./ports.ts"
import { join } from "node:path"
import { once } from "node:events"

/** The reference MCP server from npm, as a process that listens on 127.0.0.1 only. */
export interface McpServer {
  readonly port: number
  readonly url: string
  stop(): Promise<void>
}

const root = join(import.meta.dirname, "../..")

// The server binds all interfaces; every `listen` of this one process is turned to loopback before it starts.
const loopback = `import net from "node:net";
const listen = net.Server.prototype.listen;
net.Server.prototype.listen = function (port, ...rest) {
  return typeof port === "object" ? listen.call(this, port, ...rest) : listen.call(this, { port: Number(port), host: "127.0.0.1" }, rest.at(-1))
};`

export async function startMcpServer(): Promise<McpServer> {
  const port = await freePort()
  const program = join(root, "node_modules/@modelcontextprotocol/server-everything/dist/index.js")
  const preload = `data:text/javascript,${encodeURIComponent(loopback)}`
  const child: ChildProcess = spawn(process.execPath, ["--import", preload, program, "streamableHttp"], {
    env: { ...programEnvironment(), PORT: String(port) },
    stdio: ["ignore", "pipe", "pipe"],
  })
  let printed = ""
  child.stdout!.on("data", (chunk: Buffer) => (printed += chunk.toString()))
  await new Promise<void>((resolve, reject) => {
    child.stderr!.on("data", (chunk: Buffer) => {
      printed += chunk.toString()
      if (printed.includes("listening on port")) resolve()
    })
    child.once("exit", () => reject(new Error(`the MCP server ended at its start:\n${printed}`)))
  })
  return {
    port,
    url: `http://127.0.0.1:${port}`,
    async stop() {
      child.kill("SIGKILL")
      if (child.exitCode === null && child.signalCode === null) await once(child, "exit")
    },
  }
}
