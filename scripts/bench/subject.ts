import { type Agreed, exchange } from "./exchange.ts"
import { type Program, startProgram } from "./program.ts"
import { type Endpoint, bodyLength } from "./load.ts"
import type { SubjectId } from "./options.ts"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"

/** One measured program: what is sent to it, and whose CPU time counts. */
export interface Subject {
  readonly id: SubjectId
  readonly title: string
  readonly endpoint: Endpoint
  /** Processes that count, each with everything below it. */
  readonly programs: readonly Program[]
  /** CPU microseconds since the start of a helper on the other core that does not count but is shown (Redis). */
  readonly beside?: () => Promise<number>
}

/** What every subject is built from. */
export interface Bench {
  /** Folder of this run. */
  readonly dir: string
  /** Certificate chain and key of the peers, PEM files. */
  readonly cert: string
  readonly key: string
  readonly backendPort: number
  readonly proxyCore: number
  readonly loadCore: number
  /** Takes over every started program; stops the last one first. */
  readonly running: AsyncDisposableStack
}

/** Starts a program on a core and hands it over to the bench for its end. @param name of its log file */
export function launch(
  bench: Pick<Bench, "dir" | "running">,
  name: string,
  core: number,
  [command, ...args]: readonly [string, ...string[]],
  env: Readonly<Record<string, string>> = {},
): Program {
  const program = startProgram(command, args, { core, env, log: join(bench.dir, `${name}.log`) })
  bench.running.defer(() => program.stop())
  return program
}

/**
 * Repeats a request until it is answered 200 with the backend's body.
 * @param token bearer token to send with it
 * @throws Error when a program ended or no such answer came within 20 s
 */
export async function ready(
  { endpoint, programs }: Pick<Subject, "endpoint" | "programs">,
  token?: string,
): Promise<Agreed> {
  const headers = token === undefined ? {} : { Authorization: `Bearer ${token}` }
  return eventually(`${endpoint.hostname}:${endpoint.port}`, programs, async () => {
    const { status, body, agreed } = await exchange({ ...endpoint, headers })
    if (status === 200 && body.length === bodyLength) return agreed
    throw new Error(`status ${status}: ${body.slice(0, 300)}`)
  })
}

/**
 * Tries every 50 ms until `attempt` does not throw.
 * @throws Error at once when one of the programs ended; with the last failure after 20 s
 */
export async function eventually<T>(what: string, programs: readonly Program[], attempt: () => Promise<T>): Promise<T> {
  const deadline = performance.now() + 20_000
  for (;;) {
    programs.forEach((program) => program.check())
    try {
      return await attempt()
    } catch (error) {
      if (performance.now() > deadline) throw new Error(`${what} is not ready`, { cause: error })
    }
    await sleep(50)
  }
}
