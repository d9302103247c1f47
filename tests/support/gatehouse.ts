import { programEnvironment } from "./program-environment.ts"
import { type ChildProcess, spawn } from "node:child_process"
import { mkdtempSync, rmSync } from "node:fs"
import { randomBytes } from "node:crypto"
import { setTimeout as delay } from "node:timers/promises"
import { freePort } from "./ports.ts"
import { join } from "node:path"
import { once } from "node:events"
import { tmpdir } from "node:os"

/** One node of Gatehouse, as a process of its own. */
export interface Node {
  readonly httpPort: number
  readonly httpsPort: number
  readonly apiPort: number
  readonly home: string
  readonly adminToken: string
  readonly env: Readonly<Record<string, string>>
  readonly child: ChildProcess
  /** Everything that it has printed. */
  log(): string
  /** A call of the admin API with the administrator's token. */
  api<T = Record<string, never>>(
    method: string,
    path: string,
    body?: unknown,
    headers?: Record<string, string>,
  ): Promise<ApiAnswer<T>>
  /** SIGTERM and the exit code. */
  stop(): Promise<number | null>
  /** SIGKILL. */
  kill(): Promise<void>
}

export interface ApiAnswer<T> {
  readonly status: number
  readonly headers: Headers
  readonly body: T
}

/** What nodes of one installation share. */
export interface Installation {
  readonly REDIS_URL: string
  readonly MASTER_KEY: string
  readonly ADMIN_TOKEN: string
}

export function installation(redisUrl: string): Installation {
  return {
    REDIS_URL: redisUrl,
    MASTER_KEY: randomBytes(32).toString("base64"),
    ADMIN_TOKEN: `admin_${randomBytes(24).toString("base64url")}`,
  }
}

/**
 * Environment of nodes that another has to take over from within a test's patience. Every node of others keeps its work for as
 * long as an installation does: on a busy machine a lease of a second is lost although nobody died.
 */
export const soonTakenOver = { LEASE_TTL: "2" } as const

const root = join(import.meta.dirname, "../..")

/** Starts one node and waits until it is healthy. @param overrides environment of this node */
export async function startNode(
  shared: Installation,
  overrides: Record<string, string> = {},
  waitMs = 45_000,
): Promise<Node> {
  const home = overrides["GATEHOUSE_HOME"] ?? mkdtempSync(join(tmpdir(), "gatehouse-"))
  const [httpPort, httpsPort, apiPort] = [await freePort(), await freePort(), await freePort()]
  const env: Record<string, string> = {
    ...programEnvironment(),
    GATEHOUSE_ENV_FILE: "/dev/null",
    GATEHOUSE_HOME: home,
    NODE_ENV: "test",
    SERVER_HOST: "127.0.0.1",
    HTTP_PORT: String(httpPort),
    HTTPS_PORT: String(httpsPort),
    API_PORT: String(apiPort),
    ADMIN_EMAIL: "admin@example.com",
    LOG_LEVEL: "INFO",
    ...shared,
    ...overrides,
  }
  const child = spawn(process.execPath, [join(root, "src/main.ts")], {
    cwd: root,
    env,
    stdio: ["ignore", "pipe", "pipe"],
  })
  let printed = ""
  child.stdout.on("data", (chunk: Buffer) => (printed += chunk.toString()))
  child.stderr.on("data", (chunk: Buffer) => (printed += chunk.toString()))
  // Not "exit": its last lines may still be on their way then.
  const exited = once(child, "close")
  const node: Node = {
    httpPort: Number(env["HTTP_PORT"]),
    httpsPort: Number(env["HTTPS_PORT"]),
    apiPort: Number(env["API_PORT"]),
    home,
    adminToken: shared.ADMIN_TOKEN,
    env,
    child,
    log: () => printed,
    api: (method, path, body, headers) => api(Number(env["API_PORT"]), shared.ADMIN_TOKEN, method, path, body, headers),
    async stop() {
      if (child.exitCode === null && child.signalCode === null) child.kill("SIGTERM")
      await exited
      if (overrides["GATEHOUSE_HOME"] === undefined) rmSync(home, { recursive: true, force: true })
      return child.exitCode
    },
    async kill() {
      child.kill("SIGKILL")
      await exited
    },
  }
  const deadline = Date.now() + waitMs
  for (;;) {
    if (child.exitCode !== null || child.signalCode !== null)
      throw new Error(`Gatehouse ended at its start:\n${printed.slice(-4000)}`)
    const health = await fetch(`http://127.0.0.1:${node.apiPort}/health`).catch(() => undefined)
    if (health?.status === 200) return node
    if (Date.now() > deadline) {
      await node.kill()
      throw new Error(`Gatehouse was not healthy after ${waitMs} ms (${health?.status}):\n${printed.slice(-4000)}`)
    }
    await delay(25)
  }
}

/** One call of the admin API. */
export async function api<T>(
  port: number,
  token: string | undefined,
  method: string,
  path: string,
  body?: unknown,
  headers: Record<string, string> = {},
): Promise<ApiAnswer<T>> {
  const response = await fetch(`http://127.0.0.1:${port}${path}`, {
    method,
    headers: {
      ...(token !== undefined && { authorization: `Bearer ${token}` }),
      ...(body !== undefined && { "content-type": "application/json" }),
      ...headers,
    },
    ...(body !== undefined && { body: typeof body === "string" ? body : JSON.stringify(body) }),
  })
  const text = await response.text()
  const json = /json/.test(response.headers.get("content-type") ?? "")
  return { status: response.status, headers: response.headers, body: (json ? JSON.parse(text) : text) as T }
}

/** Polls until `probe` gives something; its last error or value is in the failure. `waitMs` only say when to give up. */
export async function eventually<T>(
  what: string,
  probe: () => Promise<T | undefined | false>,
  waitMs = 20_000,
): Promise<T> {
  const deadline = Date.now() + waitMs
  for (let last: unknown; ; await delay(25)) {
    try {
      const value = await probe()
      if (value !== undefined && value !== false) return value
      last = value
    } catch (error) {
      last = error
    }
    if (Date.now() > deadline) throw new Error(`${what}: not within ${waitMs} ms (${String(last)})`)
  }
}
