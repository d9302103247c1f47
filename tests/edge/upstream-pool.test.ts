import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { getCACertificates, setDefaultCACertificates } from "node:tls"
import { rawExchange, statuses } from "../support/raw-client.ts"
import type { AddressInfo } from "node:net"
import type { Lookup } from "../../src/edge/upstream-address.ts"
import { type TestEdge, testEdge } from "../support/edge.ts"
import { createServer } from "node:https"
import { once } from "node:events"
import { recorder } from "../support/recorder.ts"
import { selfSigned } from "../../src/edge/default-certificate.ts"

const lookup: Lookup = (_, done) => done(null, ["::1", "127.0.0.1"])
const get = (host: string) => `GET / HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`

describe("a backend over TLS", () => {
  let edge: TestEdge
  const servers: { name: string; close(): void }[] = []

  beforeAll(async () => {
    edge = await testEdge({}, { lookup })
    for (const name of ["trusted.test", "untrusted.test", "other.test"]) {
      const made = await selfSigned(name, 10, new Date())
      if (name !== "untrusted.test") setDefaultCACertificates([...getCACertificates("default"), made.certificate])
      const server = createServer({ cert: made.certificate, key: made.key }, (req, res) =>
        res.end(
          `${(req.socket as unknown as { servername: string }).servername} ${req.headers.host} ${req.headers["x-forwarded-proto"] as string}`,
        ),
      ).listen(0, "127.0.0.1")
      await once(server, "listening")
      servers.push({ name, close: () => server.close() })
      const { port } = server.address() as AddressInfo
      // The third is reached by a name that its certificate does not have.
      const target = name === "other.test" ? "wrong.test" : name
      edge.proxy(name, port, { target_url: `https://${target}:${port}`, preserve_host_header: false })
    }
  })
  afterAll(async () => {
    await edge.close(0)
    for (const server of servers) server.close()
  })

  it("is reached by its name, which is also the SNI", async () => {
    const text = await rawExchange(edge.httpPort, get("trusted.test"))
    expect(text).toMatch(/trusted\.test trusted\.test:\d+ http$/)
  })

  it("connections are used again", async () => {
    for (let i = 0; i < 3; i += 1)
      expect(statuses(await rawExchange(edge.httpPort, get("trusted.test")))).toEqual([200])
  })

  it.each(["untrusted.test", "other.test"])("a certificate that cannot be trusted is a 502: %s", async (host) => {
    expect(statuses(await rawExchange(edge.httpPort, get(host)))).toEqual([502])
  })
})

it("a backend that listens on only one of its name's addresses is reached", async () => {
  const upstream = await recorder()
  const edge = await testEdge({}, { lookup })
  edge.proxy("a.test", upstream.port, { target_url: `http://backend:${upstream.port}` })
  expect(statuses(await rawExchange(edge.httpPort, get("a.test")))).toEqual([200])
  await edge.close(0)
  await upstream.close()
})

it("300 requests at once over few client connections are all answered with their own answer", async () => {
  const upstream = await recorder()
  upstream.respond = ({ socket, line }) => {
    const path = line.split(" ")[1]!
    const chunked = path.length % 2 === 0
    setTimeout(() => {
      if (chunked)
        socket.write(
          `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${path.length.toString(16)}\r\n${path}\r\n0\r\n\r\n`,
        )
      else socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${path.length}\r\n\r\n${path}`)
    }, Math.random() * 20)
  }
  const edge = await testEdge()
  edge.proxy("a.test", upstream.port)
  const one = async (n: number) => {
    const paths = Array.from({ length: 10 }, (_, i) => `/${"x".repeat(i)}-${n}-${i}-end`)
    const requests = paths.map(
      (path, i) => `GET ${path} HTTP/1.1\r\nHost: a.test\r\n${i === 9 ? "Connection: close\r\n" : ""}\r\n`,
    )
    const text = await rawExchange(edge.httpPort, requests.join(""))
    expect(statuses(text)).toEqual(Array(10).fill(200))
    expect(text.match(/\/x*-\d+-\d+-end/g)).toEqual(paths)
  }
  await Promise.all(Array.from({ length: 30 }, (_, n) => one(n)))
  await edge.close(0)
  await upstream.close()
})
