import { programEnvironment } from "./program-environment.ts"
import { execFile } from "node:child_process"
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { parseEnv } from "node:util"
import { openHome } from "../../scripts/stack/home.ts"
import { readState } from "../../scripts/stack/process-record.ts"
import { stateFile } from "../../scripts/stack/supervisor.ts"
import { freePort } from "./ports.ts"

const root = join(import.meta.dirname, "../..")

/** What a program printed, and how it ended. */
export interface Ran {
  readonly code: number
  readonly output: string
  readonly errors: string
}

/** One copy of Gatehouse as `just` runs it, told apart from others by its environment alone. */
export interface Copy {
  readonly folder: string
  readonly env: Readonly<Record<string, string>>
  /** Runs a program below scripts/. */
  script(name: string, ...args: string[]): Promise<Ran>
  /** Runs a verb of scripts/stack.ts. */
  stack(verb: string, ...args: string[]): Promise<Ran>
  /** Variables of its `.env`. */
  secrets(): Record<string, string>
  /** Number of a service's process; undefined when it has none. */
  pid(service: string): number | undefined
  api<T>(method: string, path: string, body?: unknown): Promise<{ readonly status: number; readonly body: T }>
  /** Stops it and removes its folder. */
  remove(): Promise<void>
}

/**
 * A copy with free ports and a folder of its own. Nothing runs yet. Left to itself it would take the usual port for its Redis; while
 * that is started again another copy could take it.
 * @param extra variables besides; undefined leaves one out
 */
export async function newCopy(extra: Record<string, string | undefined> = {}): Promise<Copy> {
  const folder = mkdtempSync(join(tmpdir(), "gatehouse-copy-"))
  const given: Record<string, string | undefined> = {
    ...programEnvironment(),
    GATEHOUSE_HOME: join(folder, "home"),
    GATEHOUSE_ENV_FILE: join(folder, ".env"),
    HTTP_PORT: String(await freePort()),
    HTTPS_PORT: String(await freePort()),
    API_PORT: String(await freePort()),
    REDIS_PORT: String(await freePort()),
    SERVER_HOST: "127.0.0.1",
    SHUTDOWN_GRACE: "2",
    ...extra,
  }
  const env = Object.fromEntries(
    Object.entries(given).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
  )
  const script = (name: string, ...args: string[]) =>
    new Promise<Ran>((resolve) => {
      execFile(
        process.execPath,
        [`scripts/${name}`, ...args],
        { cwd: root, env, timeout: 80_000 },
        (error, output, errors) => resolve({ code: error === null ? 0 : Number(error.code ?? -1), output, errors }),
      )
    })
  const secrets = () => parseEnv(readFileSync(env["GATEHOUSE_ENV_FILE"]!, "utf8")) as Record<string, string>
  return {
    folder,
    env,
    script,
    stack: (...args) => script("stack.ts", ...args),
    secrets,
    pid: (service) => readState(stateFile(openHome(env["GATEHOUSE_HOME"]!), service))?.process?.pid,
    async api<T>(method: string, path: string, body?: unknown) {
      const answer = await fetch(`http://127.0.0.1:${env["API_PORT"]}${path}`, {
        method,
        headers: { authorization: `Bearer ${secrets()["ADMIN_TOKEN"]}`, "content-type": "application/json" },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      })
      return { status: answer.status, body: (await answer.json()) as T }
    },
    async remove() {
      await script("stack.ts", "down")
      rmSync(folder, { recursive: true, force: true })
    },
  }
}
