import { describe, expect, it } from "vitest"
import { rawClient } from "../support/raw-client.ts"
import { until } from "../support/until.ts"
import { forwardEdge, upstream, edge, get, record } from "./forward-edge.ts"

forwardEdge()

describe("aborts", () => {
  it("a client that leaves while the backend thinks is noticed there at once", async () => {
    upstream.respond = () => {}
    const client = await rawClient(edge.httpPort)
    client.socket.write(get("/left"))
    await until(() => upstream.requests.length === 1)
    client.socket.destroy()
    await until(() => upstream.sockets.size === 0)
    // Not by the request's own time, which would have been a 504.
    expect(await record("/left")).toMatchObject({ reason: "client_closed", status: 0 })
  })

  it("a client that leaves in the middle of a body is noticed too", async () => {
    upstream.respond = ({ socket }) => socket.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n")
    const client = await rawClient(edge.httpPort)
    client.socket.write(get())
    await client.until((text) => text.includes("\r\n\r\n"))
    client.socket.resetAndDestroy()
    await until(() => upstream.sockets.size === 0)
  })

  it("requests that wait behind another one are given up with it", async () => {
    upstream.respond = () => {}
    const client = await rawClient(edge.httpPort)
    client.socket.write(get("/1") + get("/2") + get("/behind"))
    await until(() => upstream.requests.length === 3)
    client.socket.destroy()
    await until(() => upstream.sockets.size === 0)
    expect(await record("/behind")).toMatchObject({ reason: "client_closed", status: 0 })
  })

  it("a client that leaves in the middle of its own body leaves no half request that looks whole", async () => {
    const client = await rawClient(edge.httpPort)
    client.socket.write("POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n")
    await until(() => upstream.raw.join("").includes("abc"))
    client.socket.end()
    await until(() => upstream.sockets.size === 0)
    expect(upstream.raw.join("")).not.toContain("0\r\n\r\n")
  })
})
