import { type AccessRecord, accessColumns, accessRow } from "../../../src/edge/access-log.ts"
import { Redis } from "ioredis"
import type { RunningApi } from "../running-api.ts"
import { accessStream } from "../../../src/platform/access-stream.ts"

/** A plain GET; what matters to a test is said. */
export function request(said: Partial<AccessRecord> = {}): AccessRecord {
  return {
    at: Date.now(),
    client: "203.0.113.9",
    host: "a.internal",
    method: "GET",
    path: "/",
    status: 200,
    bytes: 2,
    duration_ms: 1.5,
    proxy: "a.internal",
    subject: null,
    client_id: null,
    grant_id: null,
    token_id: null,
    reason: null,
    request_id: "r-1",
    mcp: null,
    ...said,
  }
}

/** Writes the access log of a running API as an edge does. */
export function accessLogOf(api: RunningApi) {
  const redis = new Redis(api.redis.url)
  return { write: accessStream<AccessRecord>(redis, accessColumns, accessRow), close: () => redis.disconnect() }
}
