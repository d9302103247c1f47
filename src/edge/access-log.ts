import type { McpLog } from "./mcp/exchange.ts"

/** One finished request. Never a query string, a token or a body. */
export interface AccessRecord {
  /** Start, milliseconds since the epoch. */
  readonly at: number
  readonly client: string
  /** Host as looked up; empty when the request had none that could be read. */
  readonly host: string
  readonly method: string
  readonly path: string
  readonly status: number
  /** Body bytes sent to the client. */
  readonly bytes: number
  readonly duration_ms: number
  /** Host name of the proxy that answered, or null. */
  readonly proxy: string | null
  readonly subject: string | null
  readonly client_id: string | null
  readonly grant_id: string | null
  /** `jti` of the access token. */
  readonly token_id: string | null
  /** Stable word for why it ended as it did; null for a plain answer. */
  readonly reason: string | null
  readonly request_id: string | null
  /** For requests on an MCP endpoint. */
  readonly mcp: McpLog | null
}

/** Names of a record's columns, in the order of {@link accessRow}. */
export const accessColumns = [
  "at",
  "client",
  "host",
  "method",
  "path",
  "status",
  "bytes",
  "duration_ms",
  "proxy",
  "subject",
  "client_id",
  "grant_id",
  "token_id",
  "reason",
  "request_id",
  "mcp",
] as const satisfies readonly (keyof AccessRecord)[]

/** A record as it is kept. Written out, because every request pays for it. */
export function accessRow(of: AccessRecord): readonly unknown[] {
  return [
    of.at,
    of.client,
    of.host,
    of.method,
    of.path,
    of.status,
    of.bytes,
    of.duration_ms,
    of.proxy,
    of.subject,
    of.client_id,
    of.grant_id,
    of.token_id,
    of.reason,
    of.request_id,
    of.mcp,
  ]
}

/** Where records go. A rejection is counted, never thrown. */
export type AccessSink = (records: readonly AccessRecord[]) => Promise<void> | void

/** Bounded log: records are handed on in batches and dropped when the sink does not keep up. */
export interface AccessLog {
  add(record: AccessRecord): void
  /** Hands on what is there. */
  flush(): Promise<void>
  /** Records dropped since the start. */
  readonly dropped: number
}

const batchSize = 500
const mostWaiting = 10_000

/** @param failed told of each batch that the sink refused */
export function accessLog(sink: AccessSink, failed: (error: unknown, records: number) => void): AccessLog {
  let waiting: AccessRecord[] = []
  let dropped = 0
  let running: Promise<void> | undefined
  const drain = async () => {
    while (waiting.length > 0) {
      const batch = waiting.length <= batchSize ? waiting : waiting.slice(0, batchSize)
      waiting = waiting.length <= batchSize ? [] : waiting.slice(batchSize)
      try {
        await sink(batch)
      } catch (error) {
        dropped += batch.length
        failed(error, batch.length)
      }
    }
  }
  return {
    add(record) {
      if (waiting.length >= mostWaiting) dropped += 1
      else waiting.push(record)
    },
    flush() {
      if (running === undefined && waiting.length > 0) running = drain().finally(() => (running = undefined))
      return running ?? Promise.resolve()
    },
    get dropped() {
      return dropped
    },
  }
}
