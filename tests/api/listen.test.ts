import { connect, createServer } from "node:net"
import { describe, expect, test } from "vitest"
import { freePort } from "../support/ports.ts"
import { listenApi } from "../../src/api/listen.ts"
import { once } from "node:events"

const answer = (text: string) => (_req: unknown, res: { end(text: string): void }) => res.end(text)

describe("the API listener", () => {
  test("listens on loopback only, and never on another port than asked for", async () => {
    const port = await freePort()
    const taken = createServer().listen(port, "127.0.0.1")
    await once(taken, "listening")
    await expect(listenApi(answer("x"), port)).rejects.toThrow()
    taken.close()
    await once(taken, "close")
    const listener = await listenApi(answer("x"), port)
    expect(listener.port).toBe(port)
    const other = connect(port, "127.0.0.2")
    const [error] = (await once(other, "error").catch((failure: Error) => [failure])) as [NodeJS.ErrnoException]
    expect(error.code).toBe("ECONNREFUSED")
    await listener.close(0)
  })

  test("takes any free port for 0, so that several that start at once do not meet", async () => {
    const listeners = await Promise.all(Array.from({ length: 8 }, () => listenApi(answer("x"), 0)))
    const ports = listeners.map(({ port }) => port)
    expect(new Set(ports).size).toBe(ports.length)
    expect(ports.filter((port) => port >= 3000 && port <= 3100)).toEqual([])
    await Promise.all(listeners.map((listener) => listener.close(0)))
  })

  test("lets open requests end when it closes, and takes no new ones", async () => {
    const arrived = Promise.withResolvers<{ end(text: string): void }>()
    const listener = await listenApi((_req, res) => arrived.resolve(res), 0)
    const open = fetch(`http://127.0.0.1:${listener.port}/`, { headers: { connection: "close" } })
    const response = await arrived.promise
    const closed = listener.close(30_000)
    await expect(fetch(`http://127.0.0.1:${listener.port}/`)).rejects.toThrow()
    response.end("done")
    expect(await (await open).text()).toBe("done")
    await closed
  })

  test("cuts what is open when its time is over", async () => {
    const arrived = Promise.withResolvers<void>()
    const listener = await listenApi(() => arrived.resolve(), 0)
    const open = fetch(`http://127.0.0.1:${listener.port}/`)
    const cut = open.then(
      () => "answered",
      () => "cut",
    )
    await arrived.promise
    await listener.close(50)
    expect(await cut).toBe("cut")
  })

  test("adds no signal handlers to the process", async () => {
    const before = process.listenerCount("SIGTERM")
    const listener = await listenApi(answer("x"), 0)
    expect(process.listenerCount("SIGTERM")).toBe(before)
    await listener.close(0)
  })
})
