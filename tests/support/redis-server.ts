import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { createConnection } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { randomBytes } from "node:crypto"
import { freePort } from "./ports.ts"

/** A real Redis of its own, durable as in production, on a free port. */
export interface RedisServer {
  readonly url: string
  readonly port: number
  readonly password: string
  /** Folder of its append-only file. */
  readonly dir: string
  /** Ends it in order and removes its folder. */
  stop(): Promise<void>
  /** SIGKILL; the folder stays for `restart`. */
  kill(): Promise<void>
  /** SIGSTOP: connections stay open, nothing answers. */
  pause(): void
  /** SIGCONT. */
  resume(): void
  /** Starts it again (after `kill`, or killing it first) on the same port and folder. */
  restart(): Promise<void>
  /** One command on a connection of its own, inline protocol; the raw reply. */
  command(line: string): Promise<string>
}

/** Starts a Redis with a password, `appendfsync always` and `noeviction`. @param extra more lines for its configuration */
export async function redisServer(extra: readonly string[] = []): Promise<RedisServer> {
  const dir = mkdtempSync(join(tmpdir(), "gatehouse-redis-"))
  const port = await freePort()
  const password = randomBytes(16).toString("hex")
  const config = join(dir, "redis.conf")
  const lines = [
    `port ${port}`,
    "bind 127.0.0.1",
    `requirepass ${password}`,
    `dir ${dir}`,
    "appendonly yes",
    "appendfsync always",
    "no-appendfsync-on-rewrite no",
    "aof-use-rdb-preamble yes",
    "aof-load-truncated yes",
    "maxmemory-policy noeviction",
    'save ""',
    "daemonize no",
    `logfile ${join(dir, "redis.log")}`,
    ...extra,
  ]
  writeFileSync(config, lines.join("\n") + "\n", { mode: 0o600 })
  let child: ChildProcess

  const start = async () => {
    child = spawn("redis-server", [config], { stdio: "ignore" })
    await answering(child, port, password, dir)
  }
  const end = async (signal: NodeJS.Signals) => {
    if (child.exitCode !== null || child.signalCode !== null) return
    const exited = once(child, "exit")
    child.kill("SIGCONT")
    child.kill(signal)
    await exited
  }
  await start()

  return {
    url: `redis://:${password}@127.0.0.1:${port}/0`,
    port,
    password,
    dir,
    stop: async () => {
      await end("SIGKILL")
      rmSync(dir, { recursive: true, force: true })
    },
    kill: () => end("SIGKILL"),
    pause: () => void child.kill("SIGSTOP"),
    resume: () => void child.kill("SIGCONT"),
    restart: async () => {
      await end("SIGKILL")
      await start()
    },
    command: (line) => inline(port, `AUTH ${password}\r\n${line}`),
  }
}

async function answering(child: ChildProcess, port: number, password: string, dir: string): Promise<void> {
  const deadline = Date.now() + 20_000
  while (Date.now() < deadline) {
    if (child.exitCode !== null) throw new Error(`redis-server ended:\n${readFileSync(join(dir, "redis.log"), "utf8")}`)
    const reply = await inline(port, `AUTH ${password}\r\nPING`).catch((error: Error) => error.message)
    if (reply.includes("PONG")) return
    await sleep(20)
  }
  child.kill("SIGKILL")
  throw new Error("redis-server did not answer within 20 s")
}

/** Sends lines and QUIT, and gives back everything that came until the server closed. */
function inline(port: number, lines: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    const socket = createConnection(port, "127.0.0.1", () => socket.write(`${lines}\r\nQUIT\r\n`))
    socket.setTimeout(5000, () => socket.destroy(new Error("no answer from redis-server")))
    socket.on("data", (chunk) => chunks.push(chunk))
    socket.on("error", reject)
    socket.on("close", () => resolve(Buffer.concat(chunks).toString()))
  })
}
