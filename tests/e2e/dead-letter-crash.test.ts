import { type LogNodes, logNodes } from "../support/log-nodes.ts"
import { afterAll, beforeAll, expect, test } from "vitest"
import { Redis } from "ioredis"
import { commandRecord, eventually } from "../support/records.ts"
import type { Node } from "../support/gatehouse.ts"

let nodes: LogNodes
let redis: Redis
beforeAll(async () => {
  nodes = await logNodes()
  redis = new Redis(nodes.redis.url)
})
afterAll(async () => {
  redis.disconnect()
  await nodes.stop()
})

const lettersOf = async (node: Node) => {
  const answer = await node.api<{ deadletters: { letter: string; entry: string }[] }>("GET", "/api/v1/deadletters")
  // A store that is busy answers 503; anything else is wrong.
  if (answer.status === 503) return []
  expect(answer).toMatchObject({ status: 200 })
  return answer.body.deadletters
}

test.each(["deadletter.before", "deadletter.retried"])(
  "A retry whose node is killed at %s is done once and recorded once, also when it is asked for again",
  async (point) => {
    const node = await nodes.node({ CRASH_AT: point })
    const command = commandRecord({ type: "NoSuchCommand" })
    const entry = await redis.xadd("{gh}:commands", "*", "command", JSON.stringify(command))
    const { letter } = await eventually(async () => (await lettersOf(node)).find((one) => one.entry === entry))
    const retry = (to: Node) =>
      to.api<{ message: string }>("POST", `/api/v1/deadletters/${letter}/retry`, undefined, {
        "idempotency-key": point,
      })
    await expect(retry(node)).rejects.toThrow()
    await eventually(() => node.child.signalCode === "SIGKILL")

    const next = await nodes.node()
    const again = await retry(next)
    expect(again).toMatchObject({ status: 200, body: { letter } })
    expect((await retry(next)).status).toBe(200)
    expect((await next.api("POST", `/api/v1/deadletters/${letter}/retry`)).status).toBe(404)
    const { body } = await next.api<{ events: { data: { letter: string } }[] }>(
      "GET",
      "/api/v1/events?type=DeadLetterRetried",
    )
    expect(body.events.filter(({ data }) => data.letter === letter)).toHaveLength(1)
    const received = await redis.xrange("{gh}:commands", "-", "+")
    expect(received.filter(([, fields]) => fields[1]!.includes(command.id))).toHaveLength(2)
    await eventually(async () => (await lettersOf(next)).filter((one) => one.letter !== letter).length > 0)
    expect((await next.api("GET", "/api/v1/log/verify")).body).toMatchObject({ ok: true })
    await next.stop()
  },
)
