import { execFile } from "node:child_process"
import { writeFileSync } from "node:fs"
import { createServer } from "node:net"
import { once } from "node:events"
import { join } from "node:path"
import type { Home } from "./home.ts"
import { readText, writeSecretFile } from "./environment-file.ts"

/**
 * Configuration of the own Redis: reachable from this machine alone and with the password, every write on disk before
 * it is acknowledged, nothing ever evicted.
 */
function redisConfig(port: number, password: string, folder: string): string {
  return `port ${port}
bind 127.0.0.1
protected-mode yes
requirepass ${quoted(password)}
dir ${quoted(folder)}
appendonly yes
appendfsync always
no-appendfsync-on-rewrite no
aof-use-rdb-preamble yes
aof-load-truncated yes
maxmemory-policy noeviction
save ""
daemonize no
`
}

/** redis.conf strings take \\xHH for anything. */
const quoted = (text: string): string =>
  `"${[...Buffer.from(text)].map((byte) => (/[\w/.:+=-]/.test(String.fromCharCode(byte)) ? String.fromCharCode(byte) : `\\x${byte.toString(16).padStart(2, "0")}`)).join("")}"`

const portFile = (home: Home): string => join(home.run, "redis.port")

/** Port on which the own Redis was started last; undefined before its first start. */
export function lastPort(home: Home): number | undefined {
  const text = readText(portFile(home))
  return text === undefined || !/^\d+$/.test(text.trim()) ? undefined : Number(text)
}

/**
 * Port for the own Redis: the one that was asked for, else the one of last time, else 6390, else any free one.
 * @param asked REDIS_PORT where somebody set it
 */
export async function choosePort(home: Home, asked: string | undefined): Promise<number> {
  if (asked !== undefined) return Number(asked)
  for (const port of [lastPort(home), 6390]) if (port !== undefined && (await isFree(port))) return port
  return anyFree()
}

/** Writes what redis-server is started with. The password is in this file (mode 0600) and on no command line. */
export function prepareRedis(home: Home, port: number, password: string): void {
  writeSecretFile(join(home.run, "redis.conf"), redisConfig(port, password, home.redis))
  rememberPort(home, port)
}

export const rememberPort = (home: Home, port: number): void => writeFileSync(portFile(home), `${port}\n`)

/** Does our Redis answer on this port? False while it loads, and for a foreign one, which has another password. */
export function answers(port: number, password: string): Promise<boolean> {
  return new Promise((resolve) => {
    const env = { ...process.env, REDISCLI_AUTH: password }
    execFile("redis-cli", ["-p", String(port), "ping"], { env, timeout: 5_000 }, (_error, output) =>
      resolve(output.trim() === "PONG"),
    )
  })
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer()
  try {
    server.listen(port, "127.0.0.1")
    await once(server, "listening")
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EADDRINUSE") return false
    throw error
  } finally {
    server.close()
  }
}

/** A port of 127.0.0.1 that nobody uses at this moment. */
export async function anyFree(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1")
  await once(server, "listening")
  const { port } = server.address() as { port: number }
  server.close()
  await once(server, "close")
  return port
}
