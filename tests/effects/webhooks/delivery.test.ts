import { type EffectNode, effectNode } from "../effect-node.ts"
import { type Receiver, answers, takes, webhookReceiver } from "../../support/webhook-receiver.ts"
import { type RedisServer, redisServer } from "../../support/redis-server.ts"
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest"
import type { WebhookParts } from "../../../src/effects/webhook-worker.ts"
import { eventually } from "../../support/gatehouse.ts"
import { newSigningSecret } from "../../../src/effects/webhook-signature.ts"
import { randomBytes, randomUUID } from "node:crypto"
import { until } from "../../support/until.ts"

let redis: RedisServer
let node: EffectNode
let receiver: Receiver
let secret: string
let count = 0
let webhooks: WebhookParts
const masterKey = randomBytes(32)

beforeAll(async () => {
  redis = await redisServer()
  node = await effectNode({ redisUrl: redis.url, masterKey, env: { WEBHOOK_TIMEOUT: "10" } })
  webhooks = node.webhooks()
  node.startEffects({ webhooks })
})
afterAll(async () => {
  await node.stop()
  await redis.stop()
})
beforeEach(async () => {
  receiver = await webhookReceiver()
})
afterEach(async () => {
  await node.execute("DeleteWebhook", { name: hook() })
  node.clock.offset = 0
  await receiver.stop()
})

const hook = () => `hook${count}`
const state = () => node.world.objects.webhook.get(hook())!.state

async function register(more: Record<string, unknown> = {}): Promise<void> {
  count += 1
  secret = newSigningSecret()
  const secret_ref = `webhook-${randomUUID()}`
  const data = { name: hook(), url: receiver.url, webhook_id: randomUUID(), secret_ref, ...more }
  await node.execute("CreateWebhook", data, { [secret_ref]: secret })
}

/** Waits until so many attempts at one event have failed. */
const failures = (attempts: number) =>
  eventually(`${attempts} attempts`, async () => {
    const note = await webhooks.notes.read(state().webhook_id)
    return note?.attempts === attempts && note
  })

/** Lets the time come at which the next attempt is due. */
async function whenDue(attempts: number): Promise<void> {
  const { due_at } = await failures(attempts)
  node.clock.offset = Date.parse(due_at!) - Date.now() + 1
}

/** Something happens. @returns its position */
async function happen(): Promise<number> {
  await node.execute("RegisterInstance", {
    name: `i${randomBytes(6).toString("hex")}`,
    target_url: "http://127.0.0.1:1",
  })
  return node.world.position
}

const onlyInstances = { filter: { types: ["InstanceRegistered"] } }

test("Events come signed per Standard Webhooks, once each and in order, from the registration on", async () => {
  await happen()
  await register(onlyInstances)
  const positions = []
  for (let round = 0; round < 20; round++) positions.push(await happen())
  await until(() => receiver.received.length >= 20)
  expect(receiver.positions()).toEqual(positions)
  const [first] = receiver.received
  const message = receiver.verify(first!, secret) as Record<string, unknown>
  expect(message).toMatchObject({
    type: "InstanceRegistered",
    data: { position: positions[0], type: "InstanceRegistered", actor: "ADMIN" },
  })
  expect(first!.id).toBe(`evt_${state().webhook_id}_${positions[0]}`)
  expect(() => receiver.verify(first!, newSigningSecret())).toThrow()
})

test("A replay begins at its position, with the same ids", async () => {
  await register(onlyInstances)
  const positions = [await happen(), await happen(), await happen()]
  await until(() => receiver.received.length === 3)
  await node.execute("ReplayWebhook", { name: hook(), from: positions[1] })
  await until(() => receiver.received.length === 5)
  expect(receiver.positions().slice(3)).toEqual(positions.slice(1))
  expect(receiver.received[3]!.id).toBe(receiver.received[1]!.id)
})

test("What the receiver refuses is tried again after the table's wait, in order, and holds back what follows", async () => {
  receiver.behave(answers(500))
  await register(onlyInstances)
  const positions = [await happen(), await happen()]
  await failures(1)
  await happen()
  receiver.behave(takes)
  node.clock.offset += 3500
  expect(receiver.received.length).toBe(1)
  node.clock.offset += 2500
  await until(() => receiver.received.length === 4)
  expect(receiver.positions().slice(0, 3)).toEqual([positions[0], ...positions])
  expect(receiver.received[1]!.id).toBe(receiver.received[0]!.id)
  expect(receiver.received[1]!.headers["webhook-timestamp"]).not.toBe(
    receiver.received[0]!.headers["webhook-timestamp"],
  )
})

test("Retry-After is obeyed where it is longer than the table's wait", async () => {
  receiver.behave(answers(429, { "retry-after": "3600" }))
  await register(onlyInstances)
  await happen()
  await failures(1)
  receiver.behave(takes)
  node.clock.offset += 3_500_000
  await new Promise((resolve) => setTimeout(resolve, 1500))
  expect(receiver.received.length).toBe(1)
  node.clock.offset += 110_000
  await until(() => receiver.received.length === 2)
})

test("After the last retry an event is a dead letter, what follows is delivered, and the letter can be tried again", async () => {
  receiver.behave((message, response) => answers(message.position === poison ? 503 : 204)(message, response))
  await register(onlyInstances)
  const poison = await happen()
  const next = await happen()
  for (let attempts = 1; attempts <= 9; attempts++) await whenDue(attempts)
  await until(() => state().dead_letters.length === 1)
  expect(state().dead_letters).toMatchObject([
    { position: poison, attempts: 10, status: 503, fault: "refused", retry: false },
  ])
  await until(() => receiver.positions().at(-1) === next)
  await node.execute("RetryWebhookDelivery", { name: hook(), position: poison })
  await until(() => receiver.positions().at(-1) === poison && !state().dead_letters[0]!.retry)
  expect(state().dead_letters).toMatchObject([{ position: poison, attempts: 1 }])
  receiver.behave(takes)
  await node.execute("RetryWebhookDelivery", { name: hook(), position: poison })
  await until(() => state().dead_letters.length === 0)
  expect(state().enabled).toBe(true)
})

test("410 switches it off at once; switched on again it goes on with the same event", async () => {
  receiver.behave(answers(410))
  await register(onlyInstances)
  const position = await happen()
  await until(() => !state().enabled)
  expect([state().disabled_reason, receiver.received.length]).toEqual(["gone", 1])
  await happen()
  receiver.behave(takes)
  await node.execute("UpdateWebhook", { name: hook(), changes: { enabled: true } })
  await until(() => receiver.received.length === 3)
  expect(receiver.positions()).toEqual([position, position, position + 2])
})

test("A webhook to which nothing got through for three days is switched off", async () => {
  receiver.behave(answers(500))
  await register(onlyInstances)
  await happen()
  await failures(1)
  node.clock.offset += 73 * 3_600_000
  await until(() => !state().enabled)
  expect(state().disabled_reason).toBe("failing")
})

test("Both secrets sign after a rotation, until the overlap is over; then the old one is gone from the vault", async () => {
  await register(onlyInstances)
  const [old, old_ref] = [secret, state().secret_ref]
  const secret_ref = `webhook-${randomUUID()}`
  const next = newSigningSecret()
  await node.execute("RotateWebhookSecret", { name: hook(), secret_ref, overlap_hours: 1 }, { [secret_ref]: next })
  await happen()
  await until(() => receiver.received.length === 1)
  expect(String(receiver.received[0]!.headers["webhook-signature"]).split(" ")).toHaveLength(2)
  for (const known of [old, next]) receiver.verify(receiver.received[0]!, known)
  node.clock.offset += 3_601_000
  await until(() => state().previous_secret_ref === null)
  expect(await node.store.secret(old_ref)).toBeUndefined()
  expect(await node.store.secret(secret_ref)).toBeDefined()
  node.clock.offset = 0
  await happen()
  await until(() => receiver.received.length === 2)
  receiver.verify(receiver.received[1]!, next)
  expect(() => receiver.verify(receiver.received[1]!, old)).toThrow()
})

test("Neither the secret nor the address stands in the log or in the lines of the node", async () => {
  receiver.behave(answers(500))
  await register(onlyInstances)
  await happen()
  await failures(1)
  await until(() => node.logLines.some((line) => line.includes("webhook_not_delivered")))
  const log = JSON.stringify(await node.store.read(0, 1000))
  expect(log).not.toContain(secret)
  const lines = node.logLines.join("")
  expect(lines).toContain("webhook_not_delivered")
  for (const word of [secret, secret.slice(6), receiver.url]) expect(lines).not.toContain(word)
})
