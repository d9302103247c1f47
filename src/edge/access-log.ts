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

/** Properties of a record in the order in which they are kept. */
export const accessColumns = Object.keys({
  at: true,
  client: true,
  host: true,
  method: true,
  path: true,
  status: true,
  bytes: true,
  duration_ms: true,
  proxy: true,
  subject: true,
  client_id: true,
  grant_id: true,
  token_id: true,
  reason: true,
  request_id: true,
  mcp: true,
} satisfies Record<keyof AccessRecord, true>) as (keyof AccessRecord)[]

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
