import { fileURLToPath } from "node:url"
import { once } from "node:events"
import { spawn } from "node:child_process"

/** Octets of the body that the backend answers with. */
export const bodyLength = 1024

/** Connections that are kept open during a round. */
const connections = 64

/** What the load is sent to. */
export interface Endpoint {
  /** Name in SNI and Host; the connection goes to 127.0.0.1. */
  readonly hostname: string
  readonly port: number
  readonly path: string
  /** File with one bearer token per line, sent in turn. */
  readonly tokens?: string
}

/** What the load generator counted. */
export interface Load {
  /** Answers after `started` was called. */
  readonly requests: number
  /** Answers that were not the expected ones. */
  readonly wrong: number
  /** Connections that failed, were cut or timed out. */
  readonly errors: number
  /** Latency in microseconds as wrk corrects it for waiting requests. */
  readonly p50: number
  readonly p99: number
}

/** One run of the load generator. */
export interface LoadOptions {
  readonly seconds: number
  /** Look at every answer's status and length; without it only statuses from 400 count as wrong. */
  readonly check: boolean
  readonly signal: AbortSignal
  /** Called when every connection has had its handshake and some requests. */
  readonly started: () => void
}

const script = fileURLToPath(new URL("load.lua", import.meta.url))

/** Requests before `started`: by the fourth of each connection all of them stand. */
const beforeStart = 4 * connections

/**
 * One run of wrk: one thread, keep-alive connections, on this process's core.
 * @throws Error with wrk's output when it gave no result
 */
export async function load(endpoint: Endpoint, { seconds, check, signal, started }: LoadOptions): Promise<Load> {
  const url = `https://${endpoint.hostname}:${endpoint.port}${endpoint.path}`
  const wrk = `--threads 1 --connections ${connections} --duration ${seconds}s --script ${script} ${url} --`.split(" ")
  const lua = [
    check ? "check" : "count",
    endpoint.path,
    String(bodyLength),
    String(beforeStart),
    endpoint.tokens ?? "-",
  ]
  const child = spawn("wrk", [...wrk, ...lua], {
    stdio: ["ignore", "pipe", "inherit"],
    timeout: (seconds + 30) * 1000,
    signal,
  })
  const ended = once(child, "close")
  // A spawn that fails or is aborted rejects `ended`, which is awaited when the output is at its end.
  ended.catch(() => undefined)
  let output = ""
  let begun = false
  for await (const chunk of child.stdout.setEncoding("utf8")) {
    output += String(chunk)
    if (begun || !/^started$/m.test(output)) continue
    begun = true
    started()
  }
  await ended
  const counted = /^bench (\d+) (\d+) (\d+) (\d+) (\d+)$/m.exec(output)
  if (counted === null) throw new Error(`wrk gave no result for ${url}:\n${output}`)
  const [total = 0, wrong = 0, errors = 0, p50 = 0, p99 = 0] = counted.slice(1).map(Number)
  return { requests: Math.max(0, total - beforeStart), wrong, errors, p50, p99 }
}
