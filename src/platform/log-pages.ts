import type { EventRecord } from "./event-store.ts"
import type { Redis } from "ioredis"
import { eventRecord } from "./redis-tail.ts"
import { keys } from "./redis-keys.ts"
import { replyReader } from "./stream-reply.ts"

/** Reads runs of the log on a connection that does nothing else. */
export interface LogPages {
  /**
   * Events after a position, at most `limit`.
   * @throws ChainError at the first entry that holds no event; what the client throws when there is no connection
   */
  read(redis: Redis, after: number, limit: number): Promise<EventRecord[]>
  /** Are the client's own replies used? It was not as it is known here: everything is right, and reading is slower. */
  readonly plain: boolean
}

/** One reply as it comes in. */
interface Page {
  readonly events: EventRecord[]
  problem?: Error
}

/** What the client is given in the place of a reply that was read here. */
const emptyList = Buffer.from("*0\r\n")

type Bytes = (chunk: Buffer) => void

/** Only whoever reads the client's replies in its place can make it say this for PONG. */
const countersign = "tapped"

/**
 * The client keeps the connection: it signs in, connects anew, watches deadlines and matches replies with calls. The bytes of
 * its replies are read here, and it is told that a list came. That its decoder is the first listener of its socket is nothing
 * that it promises, so each connection is tried before it is used in this way, and read plainly when it is made otherwise.
 */
export function logPages(): LogPages {
  const tapped = new WeakMap<object, Promise<Page[] | undefined>>()
  let plain = false

  const tap = async (redis: Redis): Promise<Page[] | undefined> => {
    const { stream } = redis
    // Whatever was asked before is answered before this.
    await redis.ping()
    const [client] = stream.listeners("data") as Bytes[]
    if (client === undefined) throw new Error("Connection is closed")
    const due: Page[] = []
    let trying = true
    const read = replyReader({
      entry: (entry) => {
        const page = due[0]
        if (page === undefined) throw new Error("Redis answered what nobody asked")
        if (page.problem !== undefined) return
        try {
          page.events.push(eventRecord(entry))
        } catch (error) {
          page.problem = error as Error
        }
      },
      end: () => {
        due.shift()
        client(emptyList)
      },
      other: (line) => {
        due.shift()
        client(trying ? Buffer.from(`+${countersign}\r\n`) : line)
      },
    })
    const listener = (chunk: Buffer) => {
      try {
        read(chunk)
      } catch (error) {
        stream.destroy(error as Error)
      }
    }
    stream.off("data", client)
    stream.prependListener("data", listener)
    const answer: string = await redis.ping()
    trying = false
    if (answer === countersign) return due
    plain = true
    stream.off("data", listener)
    stream.prependListener("data", client)
    return undefined
  }
  const pagesOf = (redis: Redis): Promise<Page[] | undefined> => {
    const known = tapped.get(redis.stream)
    if (known !== undefined) return known
    const { stream } = redis
    const tapping = tap(redis)
    tapped.set(stream, tapping)
    tapping.catch(() => tapped.delete(stream))
    return tapping
  }
  return {
    get plain() {
      return plain
    },
    async read(redis, after, limit) {
      const { stream } = redis
      const due = await pagesOf(redis)
      if (redis.stream !== stream) throw new Error("Connection is closed")
      if (due === undefined) return plainly(redis, after, limit)
      const page: Page = { events: [] }
      const answered = redis.call("XRANGE", keys.events, `${after + 1}-0`, "+", "COUNT", limit)
      due.push(page)
      await answered
      if (page.problem !== undefined) throw page.problem
      return page.events
    },
  }
}

async function plainly(redis: Redis, after: number, limit: number): Promise<EventRecord[]> {
  return (await redis.xrange(keys.events, `${after + 1}-0`, "+", "COUNT", limit)).map(eventRecord)
}
