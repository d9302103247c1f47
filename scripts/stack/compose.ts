import { execFile, spawn } from "node:child_process"
import { createHash } from "node:crypto"
import { once } from "node:events"
import { existsSync, rmSync, statSync, writeFileSync } from "node:fs"
import { join, resolve } from "node:path"
import { setTimeout as delay } from "node:timers/promises"
import { promisify } from "node:util"
import type { Config } from "../../src/platform/config.ts"
import type { Home } from "./home.ts"
import { isReady, type Copy } from "./native.ts"
import { choosePort, lastPort, rememberPort } from "./own-redis.ts"
import { Refusal } from "./refusal.ts"

const run = promisify(execFile)
const marker = (home: Home): string => join(home.run, "compose")

/** Was this copy started by compose? */
export const runsInCompose = (home: Home): boolean => existsSync(marker(home))

/**
 * Builds and starts `compose.yaml` and waits until Gatehouse is ready.
 * @throws Refusal when there is no engine or no compose, or it does not become ready
 */
export async function composeUp(copy: Copy, config: Config, within: number): Promise<void> {
  await needEngine()
  if (!runsInCompose(copy.home)) rememberPort(copy.home, await choosePort(copy.home, copy.env["REDIS_PORT"]))
  writeFileSync(marker(copy.home), "")
  await compose(copy, ["up", "--detach", "--build", ...(config.REDIS_URL === undefined ? [] : ["--no-deps", "proxy"])])
  const began = performance.now()
  while (!(await isReady(config.API_PORT))) {
    if (performance.now() - began > within)
      throw new Refusal(`not ready after ${within / 1_000} s; look at: just logs (and end it with: just down)`)
    await delay(250)
  }
}

/** Stops and removes the containers; the volumes with the data stay. */
export async function composeDown(copy: Copy): Promise<void> {
  await compose(copy, ["down"])
  rmSync(marker(copy.home), { force: true })
}

/**
 * Runs compose for this copy with the terminal of the caller.
 * @throws Refusal when it fails
 */
export async function compose(copy: Copy, args: readonly string[]): Promise<void> {
  const [command, ...first] = await composeCommand()
  const child = spawn(command!, [...first, ...args], {
    stdio: "inherit",
    env: { ...process.env, ...composeEnvironment(copy) },
  })
  const [code] = (await once(child, "exit")) as [number | null]
  if (code !== 0) throw new Refusal(`${[command, ...first, ...args].join(" ")} failed`)
}

/** Environment of compose: every variable of this copy, and what compose.yaml asks for besides. */
function composeEnvironment({ home, env }: Copy): Record<string, string> {
  const socket = (env["DOCKER_HOST"] ?? "unix:///var/run/docker.sock").replace(/^unix:\/\//, "")
  const group = statSync(socket, { throwIfNoEntry: false })?.gid
  // Copies with data folders of their own must not share containers and volumes either.
  const named = home.root === resolve(".gatehouse") || env["COMPOSE_PROJECT_NAME"] !== undefined
  const own = named ? {} : { COMPOSE_PROJECT_NAME: `gatehouse-${digest(home.root)}` }
  return {
    ...env,
    ...own,
    GATEHOUSE_ENV_FILE: resolve(env["GATEHOUSE_ENV_FILE"] ?? ".env"),
    REDIS_PORT: String(lastPort(home) ?? 6390),
    DOCKER_SOCKET: socket,
    DOCKER_GID: env["DOCKER_GID"] ?? String(group ?? 999),
  }
}

const digest = (text: string): string => createHash("sha256").update(text).digest("hex").slice(0, 8)

async function composeCommand(): Promise<readonly string[]> {
  for (const command of [["docker", "compose"], ["docker-compose"]])
    if (await succeeds([...command, "version"])) return command
  throw new Refusal("neither `docker compose` nor `docker-compose` is here; `just up` starts without containers")
}

async function needEngine(): Promise<void> {
  if (await succeeds(["docker", "version"])) return
  const where = process.env["DOCKER_HOST"] ?? "the default socket"
  throw new Refusal(`no container engine answers at ${where}; \`just up\` starts without containers`)
}

async function succeeds([command, ...args]: readonly string[]): Promise<boolean> {
  try {
    await run(command!, args)
    return true
  } catch (error) {
    // A missing program has a text as code, a failed one its exit status; both mean no.
    if ((error as { code?: unknown }).code !== undefined) return false
    throw error
  }
}
