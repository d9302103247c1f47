import { expect, it } from "vitest"
import { api, installation, startNode } from "../support/gatehouse.ts"
import { redisServer } from "../support/redis-server.ts"

it("without ADMIN_TOKEN and without a stored ADMIN a start warns, and nobody is an administrator", async () => {
  const redis = await redisServer()
  const node = await startNode(installation(redis.url), { ADMIN_TOKEN: "" })
  const calls = ["ADMIN", "", "undefined", node.adminToken].map((token) =>
    api<{ code: string }>(node.apiPort, token, "GET", "/api/v1/tokens"),
  )
  for (const { status, body } of await Promise.all(calls)) expect([status, body.code]).toEqual([401, "invalid_token"])
  expect((await api(node.apiPort, undefined, "GET", "/health")).body).toEqual({ status: "healthy" })
  expect(await node.stop()).toBe(0)
  expect(node.log()).toContain('"no_admin_token"')
  await redis.stop()
})
