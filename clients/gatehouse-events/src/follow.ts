import { type Checkpoint, memoryCheckpoint } from "./checkpoint.ts"
import type { GatehouseEvent } from "./event.ts"
import { blocks } from "./server-sent-events.ts"
import { setTimeout as sleep } from "node:timers/promises"

/** Which events: within a field any of the values, and all fields together. */
export interface EventFilter {
  readonly type?: readonly string[]
  /** Kinds, or `kind/id`. */
  readonly aggregate?: readonly string[]
  /** Ids of aggregates of any kind. */
  readonly name?: readonly string[]
  readonly actor?: readonly string[]
  readonly command_id?: string
}

/** How to follow. */
export interface FollowOptions {
  /** Where Gatehouse's API is, without a path: `http://127.0.0.1:9000`, or the admin host. */
  readonly url: string
  /** An API token. It is sent in a header, never in the address. */
  readonly token: string
  readonly filter?: EventFilter
  /** First position when the checkpoint holds none; `now` unless said otherwise. */
  readonly from?: number | "now"
  /** Keeps the position across restarts; without one it lasts as long as the call. */
  readonly checkpoint?: Checkpoint
  readonly signal?: AbortSignal
  /** Told of every interruption, before the wait; nothing is lost by one. */
  readonly interrupted?: (reason: unknown, waitMs: number) => void
  /** Longest silence before the connection counts as lost, milliseconds; 45 000. Gatehouse says something every 15 seconds. */
  readonly silenceMs?: number
}

/** The server refused in a way that no repetition will change: token, filter, or a position from before the archive. */
export class RefusedError extends Error {
  override name = "RefusedError"
  readonly status: number
  /** Gatehouse's stable error code. */
  readonly code: string

  constructor(status: number, code: string, detail: string) {
    super(`${code}: ${detail}`)
    this.status = status
    this.code = code
  }
}

class Interrupted extends Error {
  readonly retryAfterMs: number

  constructor(message: string, retryAfterMs = 0) {
    super(message)
    this.retryAfterMs = retryAfterMs
  }
}

const shortestWait = 500
const longestWait = 30_000

/**
 * The events in their order, for as long as `signal` allows. An event counts as dealt with when the next one is asked for; then
 * its position is kept. So each comes at least once: after a crash, from the first that was not dealt with.
 * @throws RefusedError; whatever the checkpoint throws
 */
export async function* follow(options: FollowOptions): AsyncGenerator<GatehouseEvent, void, void> {
  const { checkpoint = memoryCheckpoint(), signal, interrupted } = options
  let position = await checkpoint.load()
  const stopped = () => signal?.aborted === true
  let failures = 0
  const keep = async (next: number) => {
    if (next === position) return
    position = next
    await checkpoint.save(next)
  }
  while (!stopped()) {
    try {
      for await (const { id, event } of connection(options, position)) {
        failures = 0
        // A repeat is no news.
        if (event !== undefined && event.position > (position ?? 0)) yield event
        if (id > (position ?? -1)) await keep(id)
        if (stopped()) return
      }
      throw new Interrupted("the stream ended")
    } catch (error) {
      if (stopped()) return
      if (!(error instanceof Interrupted)) throw error
      const wait = Math.max(backoff(failures++), error.retryAfterMs)
      interrupted?.(error, wait)
      await sleep(wait, undefined, { ...(signal !== undefined && { signal }) }).catch(() => undefined)
    }
  }
}

/** Full jitter below a bound that doubles, so that many clients of one node do not come back together. */
function backoff(failures: number): number {
  const bound = Math.min(longestWait, shortestWait * 2 ** failures)
  return bound / 2 + (Math.random() * bound) / 2
}

interface News {
  /** Everything up to here was looked at. */
  readonly id: number
  readonly event: GatehouseEvent | undefined
}

async function* connection(options: FollowOptions, position: number | undefined): AsyncGenerator<News> {
  const { signal, silenceMs = 45_000 } = options
  const abort = new AbortController()
  const lost = () => abort.abort(new Interrupted("the server is silent"))
  let timer = setTimeout(lost, silenceMs)
  const heard = () => {
    clearTimeout(timer)
    timer = setTimeout(lost, silenceMs)
  }
  const stop = () => abort.abort(signal!.reason)
  signal?.addEventListener("abort", stop, { once: true })
  try {
    const response = await fetch(address(options), {
      headers: {
        accept: "text/event-stream",
        authorization: `Bearer ${options.token}`,
        ...(position !== undefined && { "last-event-id": String(position) }),
      },
      redirect: "error",
      signal: abort.signal,
    }).catch((error: unknown) => {
      throw new Interrupted(`unreachable: ${String((error as Error).cause ?? error)}`)
    })
    if (!response.ok || response.body === null) throw await refusal(response)
    yield* news(response.body, heard)
  } finally {
    clearTimeout(timer)
    signal?.removeEventListener("abort", stop)
    abort.abort()
  }
}

async function* news(body: ReadableStream<Uint8Array>, heard: () => void): AsyncGenerator<News> {
  const read = blocks(body, heard)
  for (;;) {
    const next = await read.next().catch((error: unknown) => {
      throw new Interrupted(`the connection was lost: ${String((error as Error).cause ?? error)}`)
    })
    if (next.done === true) return
    const { id, data } = next.value
    if (id === undefined) continue
    yield { id: Number(id), event: data === undefined ? undefined : (JSON.parse(data) as GatehouseEvent) }
  }
}

function address({ url, filter = {}, from = "now" }: FollowOptions): URL {
  const target = new URL("/api/v1/events/stream", url)
  for (const [name, value] of Object.entries(filter) as [string, string | readonly string[] | undefined][])
    if (value !== undefined) target.searchParams.set(name, [value].flat().join(","))
  if (from !== "now") target.searchParams.set("from", String(from))
  return target
}

/** Other statuses say: not now. */
const final = new Set([400, 401, 403, 404, 410, 422])

async function refusal(response: Response): Promise<Error> {
  const text = await response.text().catch(() => "")
  if (!final.has(response.status))
    return new Interrupted(`status ${response.status}`, Number(response.headers.get("retry-after") ?? 0) * 1000)
  const { code = `http_${response.status}`, detail = "refused" } = parsed(text)
  return new RefusedError(response.status, code, detail)
}

function parsed(text: string): { code?: string; detail?: string } {
  try {
    return JSON.parse(text) as object
  } catch {
    return {}
  }
}
