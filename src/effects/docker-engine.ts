import type Docker from "dockerode"
import { Agent } from "node:http"
import type { Readable } from "node:stream"

/**
 * A call to the container engine that did not do what it should: `unavailable` = nobody answers, or not in time; `refused` =
 * the engine said no and may say yes later; `permanent` = asking again is of no use. The text is for the service's owner.
 */
export class EngineError extends Error {
  override name = "EngineError"
  readonly code: "unavailable" | "refused" | "permanent"
  readonly status: number | undefined

  constructor(code: "unavailable" | "refused" | "permanent", message: string, status?: number) {
    super(message)
    this.code = code
    this.status = status
  }
}

/** Where the engine is and how long it may take. */
export interface EngineSettings {
  readonly DOCKER_HOST: string
  readonly DOCKER_API_VERSION: string
  /** Seconds. */
  readonly DOCKER_TIMEOUT: number
}

/** Calls of the container engine, each with a deadline. */
export interface Engine {
  /**
   * Runs one exchange with the engine.
   * @param extraMs beyond the usual deadline, for what may rightly take longer
   * @throws EngineError
   */
  call<T>(what: string, run: (docker: Docker, abortSignal: AbortSignal) => Promise<T>, extraMs?: number): Promise<T>
  /**
   * Like `call` for what the engine answers in JSON lines while it works: pull and build.
   * @param progress called with each line; a line that names an error ends it
   */
  watch(
    what: string,
    run: (docker: Docker, abortSignal: AbortSignal) => Promise<NodeJS.ReadableStream>,
    progress: (line: ProgressLine) => void,
    signal: AbortSignal,
  ): Promise<void>
  /** Opens a stream that has no end of its own; the deadline is for its begin. @throws EngineError */
  open(
    what: string,
    run: (docker: Docker, abortSignal: AbortSignal) => Promise<unknown>,
    signal: AbortSignal,
  ): Promise<Readable>
  /** Is there an engine that speaks our version? @throws EngineError */
  ping(): Promise<void>
}

/** What the engine says while it pulls or builds. */
export interface ProgressLine {
  readonly status?: string
  readonly stream?: string
  readonly error?: string
}

/** What the engine says when something happens to a container. */
export interface EngineEvent {
  readonly Action?: string
  readonly Actor?: { readonly ID?: string }
}

/** Pull and build as a whole, and without a sign of progress. */
const longestMs = 600_000
const silentMs = 120_000

/** The engine behind DOCKER_HOST. Nothing is connected, and the client is not even loaded, before the first call. */
export function dockerEngine(settings: EngineSettings): Engine {
  const deadlineMs = settings.DOCKER_TIMEOUT * 1000
  let client: Promise<Docker> | undefined
  const connect = () => (client ??= open(settings))

  const attempt = async <T>(what: string, run: (docker: Docker) => Promise<T>): Promise<T> => {
    try {
      return await run(await connect())
    } catch (error) {
      throw engineError(what, error)
    }
  }

  return {
    call: (what, run, extraMs = 0) =>
      attempt(what, async (docker) => {
        const answer = await run(docker, AbortSignal.timeout(deadlineMs + extraMs))
        // What is no JSON comes as bytes: from something that is no engine. An empty list it is not.
        if (Buffer.isBuffer(answer) && answer.length > 0 && what !== "logs")
          throw new EngineError("unavailable", `${what}: the answer is not that of a container engine`)
        return answer
      }),
    async watch(what, run, progress, signal) {
      const stalled = new AbortController()
      const timer = setTimeout(() => stalled.abort(), silentMs)
      const ended = AbortSignal.any([signal, stalled.signal, AbortSignal.timeout(longestMs)])
      try {
        await attempt(what, async (docker) => {
          for await (const line of jsonLines((await run(docker, ended)) as Readable, ended)) {
            timer.refresh()
            if (line.error !== undefined)
              throw new EngineError(kindOfFailure(line.error), `${what}: ${shortened(line.error)}`)
            progress(line)
          }
        })
      } finally {
        clearTimeout(timer)
      }
    },
    async open(what, run, signal) {
      const late = new AbortController()
      const timer = setTimeout(() => late.abort(), deadlineMs)
      try {
        return (await attempt(what, (docker) => run(docker, AbortSignal.any([signal, late.signal])))) as Readable
      } finally {
        clearTimeout(timer)
      }
    },
    ping: () =>
      attempt("version", async (docker) => {
        // Its types do not know that it takes a signal.
        const asked: Promise<unknown> = docker.version({
          abortSignal: AbortSignal.timeout(deadlineMs),
        } as never) as never
        const { ApiVersion = "0" } = (await asked) as { ApiVersion?: string }
        if (older(ApiVersion, settings.DOCKER_API_VERSION))
          throw new EngineError(
            "unavailable",
            `the engine speaks API ${ApiVersion}, ${settings.DOCKER_API_VERSION} is needed`,
          )
      }),
  }
}

async function open({ DOCKER_HOST, DOCKER_API_VERSION }: EngineSettings): Promise<Docker> {
  // 30 MB and half a second that an installation without services does without.
  const { default: Client } = await import("dockerode")
  const url = URL.parse(DOCKER_HOST)
  // A connection that is kept would end in an error after each restart of the engine.
  const common = { version: `v${DOCKER_API_VERSION}`, agent: new Agent({ keepAlive: false }) }
  if (url?.protocol === "unix:") return new Client({ ...common, socketPath: decodeURIComponent(url.pathname) })
  if (url?.protocol === "tcp:" || url?.protocol === "http:")
    return new Client({ ...common, protocol: "http", host: url.hostname, port: Number(url.port || 2375) })
  throw new EngineError("unavailable", "DOCKER_HOST must be unix:///path or tcp://host:port")
}

/** What the engine answers to a step that was made before, or whose object is gone. */
export const settled =
  (...statuses: number[]) =>
  (error: unknown) => {
    if (error instanceof EngineError && error.status !== undefined && statuses.includes(error.status)) return undefined
    throw error
  }

/** Values that the engine sends line by line, until the stream ends or `signal` does. */
export async function* jsonLines(stream: Readable, signal: AbortSignal): AsyncGenerator<ProgressLine & EngineEvent> {
  const abort = () => stream.destroy(new Error("no answer in time"))
  signal.addEventListener("abort", abort, { once: true })
  try {
    let rest = ""
    for await (const chunk of stream.setEncoding("utf8")) {
      const lines = (rest + (chunk as string)).split("\n")
      rest = lines.pop()!.slice(0, 65_536)
      for (const line of lines) if (line.trim() !== "") yield JSON.parse(line) as ProgressLine & EngineEvent
    }
  } finally {
    signal.removeEventListener("abort", abort)
    stream.destroy()
  }
}

function engineError(what: string, error: unknown): EngineError {
  if (error instanceof EngineError) return error
  const { statusCode, message, json } = error as { statusCode?: number; message: string; json?: { message?: string } }
  if (statusCode === undefined) return new EngineError("unavailable", `${what}: the container engine cannot be reached`)
  const said = (json?.message ?? message).replace(/^\(HTTP code \d+\) [^-]* - /, "")
  const permanent = (statusCode === 400 || statusCode === 404 || statusCode === 409) && !/ is ambiguous/.test(said)
  return new EngineError(permanent ? "permanent" : kindOfFailure(said), `${what}: ${shortened(said)}`, statusCode)
}

/** What no repetition will change, by the engine's own words: it answers 500 to these as well. */
function kindOfFailure(text: string): "permanent" | "refused" {
  const hopeless =
    /manifest unknown|not found: manifest|access denied|repository does not exist|no matching manifest|invalid reference|executable file not found|no such file or directory|dockerfile parse error|returned a non-zero code|not supported/i
  return hopeless.test(text) ? "permanent" : "refused"
}

function shortened(text: string): string {
  const line = text.replaceAll(/\s+/g, " ").trim()
  return line.length > 500 ? `${line.slice(0, 499)}…` : line
}

function older(version: string, wanted: string): boolean {
  const [a = 0, b = 0] = version.split(".").map(Number)
  const [c = 0, d = 0] = wanted.split(".").map(Number)
  return a < c || (a === c && b < d)
}
