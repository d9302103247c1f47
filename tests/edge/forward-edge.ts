import { afterAll, beforeAll, beforeEach } from "vitest"
import { rawExchange } from "../support/raw-client.ts"
import { type Recorder, recorder } from "../support/recorder.ts"
import { type TestEdge, testEdge } from "../support/edge.ts"
import { until } from "../support/until.ts"

export let upstream: Recorder
export let edge: TestEdge
export const get = (path = "/", extra = "") => `GET ${path} HTTP/1.1\r\nHost: a.test\r\n${extra}\r\n`
export const last = "Connection: close\r\n"
export const ask = (request: string) => rawExchange(edge.httpPort, request)

export const record = async (path: string) => {
  await until(() => edge.records.some((entry) => entry.path === path))
  return edge.records.find((entry) => entry.path === path)!
}

/** Starts an edge with short limits and a backend before the tests of a file, and stops them after. */
export function forwardEdge(): void {
  beforeAll(async () => {
    upstream = await recorder()
    edge = await testEdge({ EDGE_MAX_BODY_BYTES: "100000", PROXY_REQUEST_TIMEOUT: "1", PROXY_CONNECT_TIMEOUT: "1" })
    edge.proxy("a.test", upstream.port)
  })
  afterAll(async () => {
    await edge.close(0)
    await upstream.close()
  })
  beforeEach(() => {
    upstream.reset()
    edge.records.length = 0
  })
}
