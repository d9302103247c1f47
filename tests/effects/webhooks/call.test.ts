import { type Receiver, answers, webhookReceiver } from "../../support/webhook-receiver.ts"
import { type Server, type Socket, createServer } from "node:net"
import { afterAll, afterEach, beforeAll, expect, test } from "vitest"
import { type WebhookCallParts, webhookLine } from "../../../src/effects/webhook-call.ts"
import { addressAllowed } from "../../../src/events/target-address.ts"
import { once } from "node:events"

let receiver: Receiver
beforeAll(async () => {
  receiver = await webhookReceiver()
})
afterAll(() => receiver.stop())
const open: { close(): unknown }[] = []
afterEach(async () => {
  for (const one of open.splice(0)) await one.close()
})

const parts = (more: Partial<WebhookCallParts> = {}): WebhookCallParts => ({
  mayDial: (address, _port, owner) => addressAllowed(address, owner === "admin", []),
  timeoutMs: 10_000,
  resolve: () => Promise.resolve(["127.0.0.1"]),
  ...more,
})

function post(url: string, owner = "admin", more: Partial<WebhookCallParts> = {}) {
  const line = webhookLine(url, owner, parts(more))
  open.push(line)
  return line.post(JSON.stringify({ data: {} }), {}, new AbortController().signal)
}

async function server(talk: (socket: Socket) => void): Promise<string> {
  const listening: Server = createServer((socket) => {
    socket.on("error", () => undefined)
    talk(socket)
  }).listen(0, "127.0.0.1")
  await once(listening, "listening")
  open.push(listening)
  return `http://127.0.0.1:${(listening.address() as { port: number }).port}/`
}

test.each([
  ["loopback", "http://127.0.0.1:1/", "address_not_allowed"],
  ["a private network", "https://10.0.0.1/", "address_not_allowed"],
  ["metadata", "http://169.254.169.254/latest/meta-data/", "address_not_allowed"],
  ["IPv4 in IPv6", "https://[::ffff:127.0.0.1]/", "address_not_allowed"],
  ["unique local", "https://[fd00::1]/", "address_not_allowed"],
  ["an address for documentation", "https://192.0.2.1/", "address_not_allowed"],
  ["a public address in clear", "http://93.184.216.34/", "https_required"],
])("An owner's webhook at %s is not dialled", async (_, url, fault) => {
  expect(await post(url, "alice")).toEqual({ status: null, fault, retryAfterMs: 0 })
})

test.each([
  ["http://169.254.169.254/", "address_not_allowed"],
  ["http://[fd00:ec2::254]/", "address_not_allowed"],
  ["http://0.0.0.0/", "address_not_allowed"],
])("An administrator's webhook at %s is not dialled either", async (url, fault) => {
  expect((await post(url)).fault).toBe(fault)
})

test("A name is refused when any of its addresses is, whatever the others are", async () => {
  const resolve = () => Promise.resolve(["93.184.216.34", "127.0.0.1"])
  expect((await post("https://mixed.example/", "alice", { resolve })).fault).toBe("address_not_allowed")
})

test("A name that does not resolve, or to nothing, is a fault and no more", async () => {
  const none = () => Promise.resolve([])
  const failing = () => Promise.reject(new Error("ENOTFOUND"))
  for (const resolve of [none, failing])
    expect((await post("https://nowhere.example/", "alice", { resolve })).fault).toBe("name_unknown")
})

test("A name that leads elsewhere at the next dial is judged again", async () => {
  let addresses = ["127.0.0.1"]
  const mayDial = (address: string) => address === "127.0.0.1"
  const line = webhookLine(`http://moving.example:${receiver.port}/`, "alice", {
    ...parts({ mayDial }),
    resolve: () => Promise.resolve(addresses),
  })
  open.push(line)
  receiver.behave((_, response) => void response.writeHead(204, { connection: "close" }).end())
  const send = () => line.post(JSON.stringify({ data: {} }), {}, new AbortController().signal)
  expect((await send()).status).toBe(204)
  addresses = ["169.254.169.254"]
  expect((await send()).fault).toBe("address_not_allowed")
  addresses = ["127.0.0.1"]
  expect((await send()).status).toBe(204)
})

test("A redirect is not followed, wherever it leads", async () => {
  const before = receiver.received.length
  receiver.behave(answers(302, { location: "http://169.254.169.254/latest/meta-data/" }))
  expect(await post(receiver.url)).toEqual({ status: 302, fault: "redirect", retryAfterMs: 0 })
  receiver.behave(answers(307, { location: receiver.url }))
  expect((await post(receiver.url)).fault).toBe("redirect")
  expect(receiver.received.length).toBe(before + 2)
})

test.each([
  [204, null],
  [200, null],
  [410, "gone"],
  [400, "refused"],
  [503, "refused"],
])("Status %i is %s", async (status, fault) => {
  receiver.behave(answers(status))
  expect(await post(receiver.url)).toEqual({ status, fault, retryAfterMs: 0 })
})

test("Retry-After is read in seconds and as a date; what is neither is nothing", async () => {
  const after = async (value: string) => {
    receiver.behave(answers(503, { "retry-after": value }))
    return (await post(receiver.url)).retryAfterMs
  }
  expect(await after("120")).toBe(120_000)
  expect(await after(new Date(Date.now() + 60_000).toUTCString())).toBeGreaterThan(50_000)
  for (const value of ["-5", "soon", "", "Infinity"]) expect(await after(value)).toBe(0)
})

test("A receiver that hangs, at any point, or sends without end, is left at the deadline", async () => {
  const silent = await server(() => undefined)
  const half = await server((socket) => socket.write("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc"))
  const drip = await server((socket) => {
    const timer = setInterval(() => socket.write("x"), 50)
    socket.on("close", () => clearInterval(timer))
  })
  const soon = (url: string, timeoutMs = 500) => post(url, "admin", { timeoutMs })
  expect((await soon(silent)).fault).toBe("timeout")
  // The status has said it: what follows is not waited for beyond the deadline.
  expect((await soon(half, 1500)).status).toBe(200)
  expect(["timeout", "unreachable"]).toContain((await soon(drip)).fault)
  const endless = await server((socket) => {
    socket.write("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
    const timer = setInterval(() => socket.write(`10000\r\n${"x".repeat(65_536)}\r\n`), 5)
    socket.on("close", () => clearInterval(timer))
  })
  expect((await soon(endless, 1500)).status).toBe(200)
})

test("Nobody there, and a reset, are unreachable", async () => {
  expect((await post("http://127.0.0.1:1/")).fault).toBe("unreachable")
  const reset = await server((socket) => socket.resetAndDestroy())
  expect((await post(reset)).fault).toBe("unreachable")
})
