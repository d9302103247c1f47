/** One message of a stream of server-sent events. */
export interface Message {
  readonly id: string
  readonly event: {
    readonly position: number
    readonly type: string
    readonly aggregate: string
    readonly actor: string
    readonly data: unknown
  }
}

/** A reader of server-sent events by fetch alone, so that every byte is looked at here. */
export interface Subscriber {
  readonly status: number
  readonly headers: Headers
  /** Body of a refusal. */
  readonly problem: Readonly<Record<string, unknown>>
  readonly received: readonly Message[]
  /** Last id, also one without a message. */
  readonly lastId: string
  /** Settles when the stream ends, by either side. */
  readonly ended: Promise<void>
  leave(): Promise<void>
}

/** Opens a stream and reads it until it ends. */
export async function subscriber(
  url: string,
  token: string,
  headers: Record<string, string> = {},
): Promise<Subscriber> {
  const abort = new AbortController()
  const response = await fetch(url, { headers: { authorization: `Bearer ${token}`, ...headers }, signal: abort.signal })
  const received: Message[] = []
  let lastId = ""
  const stream = response.headers.get("content-type") === "text/event-stream"
  const problem = stream ? {} : ((await response.json()) as Record<string, unknown>)
  const read = async () => {
    let text = ""
    for await (const chunk of response.body!.pipeThrough(new TextDecoderStream())) {
      const blocks = (text + chunk).split("\n\n")
      text = blocks.pop()!
      for (const block of blocks) {
        const field = (name: string) =>
          block
            .split("\n")
            .find((line) => line.startsWith(`${name}: `))
            ?.slice(name.length + 2)
        lastId = field("id") ?? lastId
        const data = field("data")
        if (data !== undefined) received.push({ id: lastId, event: JSON.parse(data) as Message["event"] })
      }
    }
  }
  const ended = stream ? read().catch(() => undefined) : Promise.resolve()
  return {
    status: response.status,
    headers: response.headers,
    problem,
    received,
    get lastId() {
      return lastId
    },
    ended,
    async leave() {
      abort.abort()
      await ended
    },
  }
}
