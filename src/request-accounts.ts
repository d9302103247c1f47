import { type Counters, counters } from "./platform/counters.ts"
import { type Usage, usage } from "./platform/usage.ts"
import { accessColumns, accessRow } from "./edge/access-log.ts"
import { type AccessReader, accessReader } from "./platform/access-reader.ts"
import type { AccessSink } from "./edge/access-log.ts"
import type { NodeCore } from "./node-core.ts"
import { accessStream } from "./platform/access-stream.ts"
import { reason } from "./platform/log.ts"
import { requestTally } from "./platform/request-tally.ts"

/** What is written down and counted of requests. */
export interface RequestAccounts {
  readonly counters: Counters
  readonly usage: Usage
  /** The access log. */
  readonly access: AccessReader
  /** Where the edge hands its records. */
  readonly sink: AccessSink
  /** Writes what is still here. */
  close(): Promise<void>
}

/** Usage is counted together this often: one call a token, not one a request. */
const usageDelayMs = 2000

/** The accounts of a node; the access log has a connection of its own, so that it stands in nobody's way. */
export function requestAccounts({ redis, connect, log }: NodeCore): RequestAccounts {
  const own = connect("access-log", "command")
  const counted = counters(redis, Date.now, (error) => log.debug("event_not_counted", { error: reason(error) }))
  const used = usage(own, counted)
  const collected = used.collect(usageDelayMs, (error) => log.debug("usage_not_counted", { error: reason(error) }))
  return {
    counters: counted,
    usage: used,
    access: accessReader(own),
    sink: everySink(accessStream(own, accessColumns, accessRow), requestTally(counted), collected.add),
    async close() {
      await collected.flush()
      await counted.flush()
      own.disconnect()
    },
  }
}

/** Every sink gets every batch; one that fails does not keep it from the others. */
function everySink(...sinks: readonly AccessSink[]): AccessSink {
  return async (records) => {
    const outcomes = await Promise.allSettled(sinks.map(async (sink) => sink(records)))
    for (const outcome of outcomes) if (outcome.status === "rejected") throw outcome.reason
  }
}
