import { spawn } from "node:child_process"
import { once } from "node:events"
import { closeSync, openSync, rmSync, writeFileSync } from "node:fs"
import { createRequire } from "node:module"
import { connect } from "node:net"
import { setTimeout as delay } from "node:timers/promises"
import { join } from "node:path"
import { readText } from "../stack/environment-file.ts"
import type { Home } from "../stack/home.ts"
import { anyFree } from "../stack/own-redis.ts"
import { identify, runningProcess, stop, writeState } from "../stack/process-record.ts"
import { Refusal } from "../stack/refusal.ts"
import { logFile, stateFile } from "../stack/supervisor.ts"
import { tail } from "../stack/tail.ts"

// The server listens on all interfaces; its sockets are turned to loopback before its own code runs.
const loopbackOnly = `import net from "node:net"
const listen = net.Server.prototype.listen
net.Server.prototype.listen = function (port, ...rest) {
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
  const port = await anyFree()
  const log = openSync(logFile(home, "demo"), "a", 0o600)
  const program = createRequire(import.meta.url).resolve("@modelcontextprotocol/server-everything/dist/index.js")
  const preload = `data:text/javascript,${encodeURIComponent(loopbackOnly)}`
  const child = spawn(process.execPath, ["--import", preload, program, "streamableHttp"], {
    detached: true,
    stdio: ["ignore", log, log],
    env: { PATH: process.env["PATH"], PORT: String(port) },
  })
  closeSync(log)
  await once(child, "spawn")
  child.unref()
  writeState(file, { process: identify(child.pid!) ?? null, exits: 0, lastExit: null })
  writeFileSync(portFile, String(port))
  const deadline = performance.now() + 20_000
  while (!(await accepts(port))) {
    if (runningProcess(file) === undefined || performance.now() > deadline)
      throw new Refusal(`the MCP server does not start\n${tail(logFile(home, "demo"), 10)}`)
    await delay(50)
  }
  return `http://127.0.0.1:${port}`
}

/** Ends it. @returns whether it ran */
export async function stopMcpServer(home: Home): Promise<boolean> {
  const file = stateFile(home, "demo")
  const running = runningProcess(file)
  const ended = running !== undefined && (await stop(running, 5_000)) !== "gone"
  rmSync(file, { force: true })
  return ended
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1", () => resolve(true))
    socket.on("error", () => resolve(false)).on("connect", () => socket.destroy())
  })
}
