import { spawn } from "node:child_process"
import { once } from "node:events"
import { closeSync, openSync, rmSync } from "node:fs"
import { createRequire } from "node:module"
import { setTimeout as delay } from "node:timers/promises"
import { join } from "node:path"
import { readText } from "../stack/environment-file.ts"
import type { Home } from "../stack/home.ts"
import { identify, runningProcess, stop, writeState } from "../stack/process-record.ts"
import { Refusal } from "../stack/refusal.ts"
import { logFile, stateFile } from "../stack/supervisor.ts"
import { tail } from "../stack/tail.ts"

/**
 * The server listens on all interfaces; its sockets are turned to loopback before its own code runs. The kernel chooses the port and
 * the file names it: one that was free a moment ago may be another's by the time the server has started.
 */
const loopbackOnly = (portFile: string) => `import net from "node:net"
import { renameSync, writeFileSync } from "node:fs"
const listen = net.Server.prototype.listen
const file = ${JSON.stringify(portFile)}
net.Server.prototype.listen = function (port, ...rest) {
  this.once("listening", () => {
    writeFileSync(file + ".new", String(this.address().port))
    renameSync(file + ".new", file)
  })
  return listen.call(this, { port: Number(port), host: "127.0.0.1" }, rest.at(-1))
}`

/**
 * Starts the example MCP server of the protocol's authors in the background, unless it runs.
 * @returns its URL
 */
export async function startMcpServer(home: Home): Promise<string> {
  const file = stateFile(home, "demo")
  const running = runningProcess(file)
  const portFile = join(home.run, "demo.port")
  const known = readText(portFile)
  if (running !== undefined && known !== undefined) return `http://127.0.0.1:${known}`
  rmSync(portFile, { force: true })
  const log = openSync(logFile(home, "demo"), "a", 0o600)
  const program = createRequire(import.meta.url).resolve("@modelcontextprotocol/server-everything/dist/index.js")
  const preload = `data:text/javascript,${encodeURIComponent(loopbackOnly(portFile))}`
  const child = spawn(process.execPath, ["--import", preload, program, "streamableHttp"], {
    detached: true,
    stdio: ["ignore", log, log],
    env: { PATH: process.env["PATH"], PORT: "0" },
  })
  closeSync(log)
  await once(child, "spawn")
  child.unref()
  writeState(file, { process: identify(child.pid!) ?? null, exits: 0, lastExit: null })
  const deadline = performance.now() + 20_000
  for (;;) {
    const port = readText(portFile)
    if (port !== undefined) return `http://127.0.0.1:${port}`
    if (runningProcess(file) === undefined || performance.now() > deadline)
      throw new Refusal(`the MCP server does not start\n${tail(logFile(home, "demo"), 10)}`)
    await delay(50)
  }
}

/** Ends it. @returns whether it ran */
export async function stopMcpServer(home: Home): Promise<boolean> {
  const file = stateFile(home, "demo")
  const running = runningProcess(file)
  const ended = running !== undefined && (await stop(running, 5_000)) !== "gone"
  rmSync(file, { force: true })
  return ended
}
