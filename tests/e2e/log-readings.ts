import type { IncomingMessage } from "node:http"
import type { Node } from "../support/gatehouse.ts"
import { WebSocket } from "ws"
import { expect } from "vitest"
import { once } from "node:events"
import { subscriber } from "../api/subscribers/subscriber.ts"

interface Event {
  readonly position: number
  readonly type: string
}
/** A page of events. */
export interface Page {
  readonly events: Event[]
  readonly pagination: { readonly total: number }
}

/** A call that must succeed. */
export const get = async <T = object>(node: Node, path: string) => {
  const { status, body } = await node.api<T>("GET", path)
  expect(status, `${path} ${JSON.stringify(body)}`).toBe(200)
  return body
}
/** What each reader of the log says, up to the last position. */
export async function readings(node: Node, last: number) {
  await get(node, `/api/v1/digest?min_position=${last}`)
  const pages: Event[] = []
  for (let page = 1; pages.length < last; page += 1)
    pages.push(...(await get<Page>(node, `/api/v1/events?order=asc&to=${last}&per_page=7&page=${page}`)).events)
  const newest = await get<Page>(node, `/api/v1/events?to=${last}&per_page=100`)
  const made = await get<Page>(node, `/api/v1/events?to=${last}&type=ProxyCreated&order=asc`)
  const [first, history] = [
    await get(node, "/api/v1/events/1"),
    await get<Page>(node, "/api/v1/history?kind=proxy&name=a.test"),
  ]
  const audit = await get<{ entries: { status: string }[] }>(node, `/api/v1/audit?to=${last}&per_page=100&order=asc`)
  const path = "/api/v1/audit?status=rejected"
  const { entries: refused } = await get<{ entries: { status: string; code: string }[] }>(node, path)
  return { pages, newest, made, first, history, audit, refused }
}

/** Status and code of every reader, asked for a position that the node cannot show. */
export const refusals = async (node: Node, position: number) => {
  const codes: unknown[] = []
  for (const path of [`events/${position}`, "events?order=asc", "history?kind=proxy&name=a.test", "audit?order=asc"]) {
    const { status, body } = await node.api<{ code: string }>("GET", `/api/v1/${path}`)
    codes.push(status, body.code)
  }
  const stream = `127.0.0.1:${node.apiPort}/api/v1/events/stream?from=${position}`
  const { status, problem } = await subscriber(`http://${stream}`, node.adminToken)
  const socket = new WebSocket(`ws://${stream}`, {
    headers: { authorization: `Bearer ${node.adminToken}` },
  })
  const [, answer] = (await once(socket, "unexpected-response")) as [unknown, IncomingMessage]
  answer.resume()
  return [...codes, status, problem["code"], answer.statusCode]
}
