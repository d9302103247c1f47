import { afterAll, beforeAll, beforeEach } from "vitest"
import { type Recorder, recorder } from "../support/recorder.ts"
import { type TestEdge, testEdge } from "../support/edge.ts"
import { rawExchange, statuses } from "../support/raw-client.ts"

export let upstream: Recorder
export let edge: TestEdge
export const second = "GET /second HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n"
export const host = "Host: a.test\r\n"
export const get = (headers: string, target = "/first", version = "HTTP/1.1") =>
  `GET ${target} ${version}\r\n${headers}\r\n`

export const post = (headers: string, body = "", version = "HTTP/1.1") =>
  `POST /first ${version}\r\n${host}${headers}\r\n${body}`

export const chunked = "Transfer-Encoding: chunked\r\n"

/** Sends the payload and a second request at once; both answers' statuses. */
export async function send(payload: string): Promise<number[]> {
  return statuses(await rawExchange(edge.httpPort, payload + second))
}

export const seen = () => upstream.requests.map(({ line }) => line)

/** Starts an edge and a backend before the tests of a file, and stops them after. */
export function framedEdge(): void {
  beforeAll(async () => {
    upstream = await recorder()
    edge = await testEdge({ EDGE_MAX_CONNECTIONS_PER_IP: "10000" })
    edge.proxy("a.test", upstream.port)
  })
  afterAll(async () => {
    await edge.close(0)
    await upstream.close()
  })
  beforeEach(() => upstream.reset())
}
