import { execFile } from "node:child_process"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"

/** Octets of the body that the backend answers with. */
export const bodyLength = 1024

/** Connections that are kept open during a round. */
export const connections = 64

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
  readonly requests: number
  readonly seconds: number
  /** Answers that were not the expected ones. */
  readonly wrong: number
  /** Connections that failed, were cut or timed out. */
  readonly errors: number
  /** Latency in microseconds as wrk corrects it for waiting requests. */
  readonly p50: number
  readonly p99: number
}

const script = fileURLToPath(new URL("load.lua", import.meta.url))
const run = promisify(execFile)

/**
 * One run of wrk: one thread, keep-alive connections, on this process's core.
 * @param check look at every answer's status and length; without it only statuses from 400 count as wrong
 * @throws Error with wrk's output when it gave no result
 */
export async function load(
  endpoint: Endpoint,
  { seconds, check, signal }: { seconds: number; check: boolean; signal: AbortSignal },
): Promise<Load> {
  const url = `https://${endpoint.hostname}:${endpoint.port}${endpoint.path}`
  const wrk = [
    "--threads",
    "1",
    "--connections",
    String(connections),
    "--duration",
    `${seconds}s`,
    "--script",
    script,
    url,
  ]
  const lua = [check ? "check" : "count", endpoint.path, String(bodyLength), endpoint.tokens ?? "-"]
  const { stdout, stderr } = await run("wrk", [...wrk, "--", ...lua], {
    timeout: (seconds + 30) * 1000,
    signal,
  })
  const counted = /^bench (\d+) (\d+) (\d+) (\d+) (\d+) (\d+)$/m.exec(stdout)
  if (counted === null) throw new Error(`wrk gave no result for ${url}:\n${stdout}${stderr}`)
  const [requests, duration, wrong, errors, p50, p99] = counted.slice(1).map(Number) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ]
  return { requests, seconds: duration / 1e6, wrong, errors, p50, p99 }
}
