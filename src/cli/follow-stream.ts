import { ApiFailure, type Input } from "./client.ts"
import type { Session } from "./session.ts"
import { setTimeout as sleep } from "node:timers/promises"

const retryMs = 1000

/**
 * Follows a stream of server-sent events and goes on where it was when the connection is lost.
 * @param most messages after which it ends
 * @param show prints the data of one
 * @throws ApiFailure for what the API refuses, CliFailure unreachable when it was never reached
 */
export async function followStream(
  session: Session,
  operationId: string,
  input: Input,
  most: number,
  show: (data: string) => void,
): Promise<void> {
  let lastId = ""
  let left = most
  for (let met = false; left > 0;)
    try {
      const body = await session.stream(operationId, input, lastId)
      met = true
      for await (const { id, data } of messages(body)) {
        lastId = id ?? lastId
        if (data === undefined) continue
        show(data)
        if (--left === 0) return
      }
    } catch (error) {
      // What the API refuses stays refused; what could not be reached once is no interruption.
      if (!met || (error instanceof ApiFailure && error.status < 500)) throw error
      session.terminal.error("interrupted; going on\n")
      await sleep(retryMs)
    }
}

/** Messages of server-sent events, as this API writes them. */
async function* messages(body: ReadableStream<Uint8Array>) {
  const decoder = new TextDecoder()
  let text = ""
  for await (const chunk of body) {
    const blocks = (text + decoder.decode(chunk, { stream: true })).split("\n\n")
    text = blocks.pop()!
    for (const block of blocks) {
      const field = (name: string) => new RegExp(`^${name}: (.*)$`, "m").exec(block)?.[1]
      yield { id: field("id"), data: field("data") }
    }
  }
}
