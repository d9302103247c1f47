import { type Socket, createConnection, createServer } from "node:net"
import { once } from "node:events"

/** A TCP relay that can misbehave between a client and a server. */
export interface Relay {
  readonly port: number
  /** Destroys every connection when the next client bytes that hold `needle` arrive: the server never sees them. */
  cutBefore(needle: string): void
  /** Lets those bytes pass and destroys every connection when the server answers: the client never sees the reply. */
  cutAfter(needle: string): void
  /** Nothing passes in either direction; connections stay open. */
  freeze(): void
  thaw(): void
  /** New connections are destroyed at once; open ones too. */
  refuse(): void
  accept(): void
  /** Number of cuts that were made. */
  readonly cuts: number
  stop(): Promise<void>
}

/** Starts a relay on a free port of 127.0.0.1 in front of `target`. */
export async function relay(target: number): Promise<Relay> {
  const pairs = new Set<readonly [Socket, Socket]>()
  let armed: { needle: string; when: "before" | "after" } | undefined
  let dropReplies = false
  let frozen = false
  let refusing = false
  let cuts = 0

  const cutAll = () => pairs.forEach((pair) => pair.forEach((socket) => socket.destroy()))
  const cut = () => {
    cuts++
    armed = undefined
    dropReplies = false
    cutAll()
  }
  const server = createServer({ noDelay: true }, (client) => {
    if (refusing) return void client.destroy()
    const upstream = createConnection({ port: target, host: "127.0.0.1", noDelay: true })
    const pair = [client, upstream] as const
    pairs.add(pair)
    const end = () => {
      pairs.delete(pair)
      pair.forEach((socket) => socket.destroy())
    }
    for (const socket of pair) socket.on("error", end).on("close", end)
    let before = ""
    client.on("data", (chunk) => {
      if (armed !== undefined) {
        // What is looked for may come in two parts.
        const heard = before + chunk.toString("latin1")
        before = heard.slice(1 - armed.needle.length)
        if (heard.includes(armed.needle)) {
          if (armed.when === "before") return cut()
          dropReplies = true
        }
      } else before = ""
      upstream.write(chunk)
    })
    upstream.on("data", (chunk) => (dropReplies ? cut() : client.write(chunk)))
    if (frozen) pair.forEach((socket) => socket.pause())
  })
  server.listen(0, "127.0.0.1")
  await once(server, "listening")

  return {
    port: (server.address() as { port: number }).port,
    cutBefore: (needle) => (armed = { needle, when: "before" }),
    cutAfter: (needle) => (armed = { needle, when: "after" }),
    freeze: () => {
      frozen = true
      pairs.forEach((pair) => pair.forEach((socket) => socket.pause()))
    },
    thaw: () => {
      frozen = false
      pairs.forEach((pair) => pair.forEach((socket) => socket.resume()))
    },
    refuse: () => {
      refusing = true
      cutAll()
    },
    accept: () => (refusing = false),
    get cuts() {
      return cuts
    },
    stop: async () => {
      cutAll()
      server.close()
      await once(server, "close")
    },
  }
}
