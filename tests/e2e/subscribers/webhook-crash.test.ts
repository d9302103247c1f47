import { type Installation, type Node, eventually, installation, startNode } from "../../support/gatehouse.ts"
import { soonTakenOver } from "../../support/gatehouse.ts"
import { type Receiver, answers, webhookReceiver } from "../../support/webhook-receiver.ts"
import { type RedisServer, redisServer } from "../../support/redis-server.ts"
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest"
import { until } from "../../support/until.ts"

let redis: RedisServer
let shared: Installation
let writer: Node
let receiver: Receiver
let count = 0
let secret: string
const others: Node[] = []
beforeAll(async () => {
  redis = await redisServer()
  shared = installation(redis.url)
})
afterAll(() => redis.stop())
beforeEach(async () => {
  receiver = await webhookReceiver()
})
afterEach(async () => {
  await Promise.all(others.splice(0).map((node) => node.kill()))
  await writer.api("DELETE", `/api/v1/webhooks/w${count}`)
  await writer.stop()
  await receiver.stop()
})

async function register(node: Node): Promise<void> {
  count += 1
  const filter = { types: ["InstanceRegistered"] }
  const answer = await node.api<{ secret: string }>("POST", "/api/v1/webhooks", {
    name: `w${count}`,
    url: receiver.url,
    filter,
  })
  expect(answer.status).toBe(201)
  secret = answer.body.secret
}

let made = 0
async function change(node: Node): Promise<number> {
  const body = { name: `c${++made}`, target_url: "http://127.0.0.1:1" }
  // While nobody decides, an answer is 202 or 503: asked again, it is the same instance.
  const answer = await eventually(
    "the instance is registered",
    async () => {
      const asked = await node.api("POST", "/api/v1/instances", body, { "idempotency-key": body.name })
      return asked.status === 201 && asked
    },
    30_000,
  )
  return Number(answer.headers.get("x-event-position"))
}

/** In the order of their first arrival, each once. */
const distinct = () => [...new Set(receiver.positions())]

test("A node that is killed as soon as it leads leaves nothing behind that keeps the next from delivering", async () => {
  // It may be healthy a moment before it leads.
  const doomed = startNode(shared, { ...soonTakenOver, CRASH_AT: "webhook.leaseTaken" })
  const ended = await doomed.then(
    ({ child }) => eventually("it is killed", async () => child.signalCode === "SIGKILL"),
    (error: Error) => /ended at its start/.test(error.message),
  )
  expect(ended).toBe(true)
  writer = await startNode(shared)
  await register(writer)
  const position = await change(writer)
  await until(() => receiver.received.length === 1, 30_000)
  expect(distinct()).toEqual([position])
})

test.each(["webhook.beforeSend", "webhook.sent", "webhook.noted"])(
  "A node that is killed at %s loses nothing: another goes on, in order, with the same ids",
  async (point) => {
    const lease = { LEASE_TTL: "4" }
    const crashing = await startNode(shared, { ...lease, CRASH_AT: `${point}#3` })
    others.push(crashing)
    await until(() => /lease_taken.*effects:webhooks/.test(crashing.log()))
    writer = await startNode(shared, lease)
    await register(writer)
    const positions: number[] = []
    for (let round = 0; round < 6; round++) positions.push(await change(writer))
    await until(() => distinct().length === 6, 30_000)
    expect(distinct()).toEqual(positions)
    const repeats = receiver.received.length - 6
    // Only what was under way comes twice.
    expect(repeats).toBeLessThanOrEqual(1)
    for (const message of receiver.received) receiver.verify(message, secret)
    const ids = Map.groupBy(receiver.received, ({ position }) => position)
    for (const [, messages] of ids) expect(new Set(messages.map(({ id }) => id)).size).toBe(1)
    expect(crashing.child.signalCode).toBe("SIGKILL")
  },
  90_000,
)

test("Two nodes deliver each event once; the one that leads is killed and the other takes over; Redis restarts", async () => {
  const other = await startNode(shared, soonTakenOver)
  others.push(other)
  writer = await startNode(shared)
  await register(writer)
  const positions: number[] = []
  for (let round = 0; round < 5; round++) positions.push(await change(round % 2 === 0 ? other : writer))
  await until(() => distinct().length === 5, 30_000)
  await other.kill()
  for (let round = 0; round < 5; round++) positions.push(await change(writer))
  await until(() => distinct().length === 10, 30_000)
  await redis.kill()
  await redis.restart()
  positions.push(await change(writer))
  await until(() => distinct().at(-1) === positions.at(-1), 30_000)
  expect(distinct()).toEqual(positions)
}, 90_000)

test("An owner's webhook gets the owner's events and no others, and a slow receiver holds up nobody else", async () => {
  writer = await startNode(shared, { TARGET_ALLOW_CIDRS: "127.0.0.1/32", WEBHOOK_TIMEOUT: "5" })
  const { body } = await writer.api<{ token: string }>("POST", "/api/v1/tokens", { name: `owner${++made}` })
  const own = (method: string, path: string, data?: unknown) =>
    writer.api(method, path, data, { authorization: `Bearer ${body.token}` })
  const hanging = await webhookReceiver()
  hanging.behave(() => undefined)
  expect((await own("POST", "/api/v1/webhooks", { name: `own${made}`, url: receiver.url })).status).toBe(201)
  await own("POST", "/api/v1/webhooks", { name: `hang${made}`, url: hanging.url })
  await change(writer)
  const name = `mine${made}`
  await own("POST", "/api/v1/instances", { name, target_url: "http://93.184.216.34" })
  await change(writer)
  await own("DELETE", `/api/v1/instances/${name}`)
  await until(() => receiver.received.some(({ type }) => type === "InstanceDeleted"))
  const seen = receiver.received.map(
    (message) => (JSON.parse(message.body) as { data: { aggregate: string } }).data.aggregate,
  )
  expect(seen.filter((aggregate) => aggregate.startsWith("instance/"))).toEqual([
    `instance/${name}`,
    `instance/${name}`,
  ])
  expect(seen.every((aggregate) => aggregate.startsWith("instance/mine") || aggregate.startsWith("webhook/"))).toBe(
    true,
  )
  receiver.behave(answers(204))
  await writer.api("DELETE", `/api/v1/tokens/owner${made}`)
  await hanging.stop()
})
