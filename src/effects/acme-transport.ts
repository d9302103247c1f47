import { Agent, type Dispatcher, request } from "undici"
import { AcmeError, readProblem, refusalOf, retryAfterOf } from "./acme-error.ts"
import { AsyncLocalStorage } from "node:async_hooks"
import type { axios } from "acme-client"
import { reason } from "../platform/log.ts"
import { setTimeout } from "node:timers/promises"

/** What one call to a CA may do. */
interface Exchange {
  readonly signal: AbortSignal
  readonly timeoutMs: number
  readonly origin: string
  readonly agent: Dispatcher
  readonly now: () => Date
  /** Set when the CA refused our nonce last: the library gives up after five of these (RFC 8555 §6.5). */
  badNonce: boolean
}

/** Runs calls of acme-client with a deadline, a signal and connections of their own. */
export interface AcmeTransport {
  /**
   * Runs one call of the library, again while the CA refuses our nonces, and `retries` times more when it was not reached.
   * @throws AcmeError; the signal's reason when that is aborted
   */
  call<T>(run: () => Promise<T>, retries: number): Promise<T>
  /** Fetches JSON without a signature. @throws as `call` */
  get(url: string): Promise<{ readonly body: unknown; readonly headers: Answer["headers"] }>
  close(): Promise<void>
}

interface Answer {
  readonly status: number
  readonly headers: Record<string, string | string[] | undefined>
  readonly text: string
}

type Adapter = Extract<NonNullable<typeof axios.defaults.adapter>, (...words: never[]) => unknown>

const largestAnswer = 1_048_576
const nonceRounds = 5
const retryPause = 250

/** The library's HTTP client is one per process; which session a call belongs to travels with the call. */
const exchanges = new AsyncLocalStorage<Exchange>()

/**
 * Transport for one session with a CA. It stays on the directory's origin and follows no redirect.
 * @param timeoutMs deadline of one HTTP call
 */
export function acmeTransport(
  directoryUrl: string,
  signal: AbortSignal,
  timeoutMs: number,
  now: () => Date,
): AcmeTransport {
  const agent = new Agent({ allowH2: false, connections: 4 })
  const origin = new URL(directoryUrl).origin
  const begin = (): Exchange => ({ signal, timeoutMs, origin, agent, now, badNonce: false })
  return {
    async get(url) {
      const asked = { method: "GET", headers: { accept: "application/json" }, body: null }
      const { text, headers } = await send(url, asked, begin())
      return { body: parseJson(text), headers }
    },
    async call(run, retries) {
      for (let failures = 0, nonces = 0; ;) {
        signal.throwIfAborted()
        const exchange = begin()
        try {
          return await exchanges.run(exchange, run)
        } catch (error) {
          signal.throwIfAborted()
          if (exchange.badNonce && nonces++ < nonceRounds) continue
          const failure = asAcmeError(error)
          if (failure.code !== "acme_unreachable" || failure.retryAfter !== undefined || failures++ >= retries)
            throw failure
          await setTimeout(retryPause * 2 ** failures, undefined, { signal })
        }
      }
    },
    close: () => agent.destroy(),
  }
}

/** What the library throws by itself means that an answer was not what the RFC says. */
function asAcmeError(error: unknown): AcmeError {
  return error instanceof AcmeError ? error : new AcmeError("acme_bad_answer", reason(error), { cause: error })
}

/** How acme-client sends: within the session that a call belongs to. */
export const libraryAdapter: Adapter = async (config) => {
  const exchange = exchanges.getStore()
  if (exchange === undefined) throw new Error("acme-client was called outside of a session")
  const asked = {
    method: (config.method ?? "get").toUpperCase(),
    headers: config.headers.toJSON() as Record<string, string>,
    body: (config.data as string | undefined) ?? null,
  }
  const { status, headers, text } = await send(config.url ?? "", asked, exchange)
  return { data: text, status, statusText: "", headers: headers as Record<string, string>, config, request: null }
}

interface Asked {
  readonly method: string
  readonly headers: Record<string, string>
  readonly body: string | null
}

/** Sends one request; errors of the CA are thrown, but for a bad nonce, which the library answers with a new one. */
async function send(url: string, asked: Asked, exchange: Exchange): Promise<Answer> {
  if (!URL.canParse(url) || new URL(url).origin !== exchange.origin)
    throw new AcmeError("acme_bad_answer", `the CA points away from its directory: ${url}`)
  const answer = await transfer(url, asked, exchange)
  const problem = answer.status < 400 ? undefined : readProblem(parseJson(answer.text))
  exchange.badNonce = problem?.type === "badNonce"
  if (answer.status < 300 || exchange.badNonce) return answer
  throw refusalOf(answer.status, problem, retryAfterOf(answer.headers["retry-after"]?.toString(), exchange.now()))
}

async function transfer(url: string, asked: Asked, exchange: Exchange): Promise<Answer> {
  const deadline = AbortSignal.any([exchange.signal, AbortSignal.timeout(exchange.timeoutMs)])
  try {
    const answer = await request(url, { ...asked, signal: deadline, dispatcher: exchange.agent })
    return { status: answer.statusCode, headers: answer.headers, text: await readAll(answer.body) }
  } catch (error) {
    exchange.signal.throwIfAborted()
    if (error instanceof AcmeError) throw error
    throw new AcmeError("acme_unreachable", `${new URL(url).host}: ${causeOf(error)}`, { cause: error })
  }
}

async function readAll(body: AsyncIterable<Buffer>): Promise<string> {
  const parts: Buffer[] = []
  let size = 0
  for await (const part of body) {
    size += part.length
    if (size > largestAnswer) throw new AcmeError("acme_bad_answer", `an answer of more than ${largestAnswer} bytes`)
    parts.push(part)
  }
  return Buffer.concat(parts).toString("utf8")
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** A failed connection to a name with several addresses has its reasons one level down. */
function causeOf(error: unknown): string {
  const first = error instanceof AggregateError ? error.errors[0] : error
  return reason(first) || String((error as NodeJS.ErrnoException).code)
}
