import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { createHash, randomBytes } from "node:crypto"
import { nextBuffer, readBuffers } from "../../src/edge/read-buffers.ts"
import { type Recorder, recorder } from "../support/recorder.ts"
import { type TestEdge, testEdge } from "../support/edge.ts"
import { request as plainRequest } from "node:http"
import { request as secureRequest } from "node:https"

const content = randomBytes(6_000_000)
const digest = (bytes: Buffer) => createHash("sha256").update(bytes).digest("hex")
let upstream: Recorder
let edge: TestEdge

beforeAll(async () => {
  upstream = await recorder()
  edge = await testEdge()
  for (const host of ["a.test", "b.test"]) edge.proxy(host, upstream.port)
  upstream.respond = ({ socket, line }) => {
    if (line.includes("/small")) return void socket.write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
    if (line.includes("/length")) {
      socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${content.length}\r\n\r\n`)
      return void socket.write(content)
    }
    socket.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    for (let at = 0, size = 1; at < content.length; at += size, size = (size * 7) % 100_003) {
      const chunk = content.subarray(at, at + size)
      socket.write(`${chunk.length.toString(16)}\r\n`)
      socket.write(chunk)
      socket.write("\r\n")
    }
    socket.write("0\r\n\r\n")
  }
})
afterAll(async () => {
  await edge.close(0)
  await upstream.close()
})

/** Reads an answer, with a pause now and then when `slow`. */
function download(path: string, secure: boolean, slow: boolean): Promise<Buffer> {
  const options = { host: "127.0.0.1", path, headers: { Host: "a.test" } }
  const request = secure
    ? secureRequest({ ...options, port: edge.httpsPort, servername: "", rejectUnauthorized: false, agent: false })
    : plainRequest({ ...options, port: edge.httpPort, agent: false })
  return new Promise((resolve, reject) => {
    request.on("error", reject)
    request.on("response", (response) => {
      const parts: Buffer[] = []
      response.on("data", (chunk: Buffer) => {
        parts.push(chunk)
        if (!slow || parts.length % 20 !== 0) return
        response.pause()
        setTimeout(() => response.resume(), 2)
      })
      response.on("end", () => resolve(Buffer.concat(parts)))
      response.on("error", reject)
    })
    request.end()
  })
}

describe.each([
  ["plain", false],
  ["TLS", true],
] as const)("over %s", (_, secure) => {
  it("large answers side by side arrive byte for byte, fast readers and slow ones", async () => {
    const wanted = digest(content)
    const paths = ["/length", "/chunked", "/length", "/chunked"]
    const answers = await Promise.all([
      ...paths.map((path, i) => download(path, secure, i > 1)),
      ...Array.from({ length: 20 }, () => download("/small", secure, false)),
    ])
    for (const answer of answers.slice(0, 4)) expect(digest(answer)).toBe(wanted)
    for (const answer of answers.slice(4)) expect(answer.toString()).toBe("ok")
  })
})

it("a connection that was used for a large answer reads small ones like any other", async () => {
  for (let round = 0; round < 3; round += 1) {
    expect(digest(await download("/length", true, false))).toBe(digest(content))
    for (let i = 0; i < 3; i += 1) expect((await download("/small", true, false)).toString()).toBe("ok")
  }
})

it("a buffer that is lent is never read into, and one that comes back is used again", () => {
  const buffers = readBuffers()
  const reading = { current: buffers.shared, bulk: true, leased: false }
  const first = nextBuffer(reading, buffers)
  expect(first).not.toBe(buffers.shared)
  expect(nextBuffer(reading, buffers)).toBe(first)
  reading.leased = true
  const second = nextBuffer(reading, buffers)
  expect(second).not.toBe(first)
  buffers.give(first)
  reading.leased = true
  expect(nextBuffer(reading, buffers)).toBe(first)
  reading.bulk = false
  expect(nextBuffer(reading, buffers)).toBe(buffers.shared)
})
