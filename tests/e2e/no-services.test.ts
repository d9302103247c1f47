import { expect, it } from "vitest"
import { installation, startNode } from "../support/gatehouse.ts"
import { redisServer } from "../support/redis-server.ts"

/** At its end a process tells which packages of CommonJS it has loaded. */
const teller = `import { Module } from "node:module"
process.on("exit", () => {
  const names = Object.keys(Module._cache).map((path) => /node_modules\\/((?:@[^/]+\\/)?[^/]+)/.exec(path)?.[1])
  process.stdout.write("loaded " + JSON.stringify([...new Set(names)]) + "\\n")
})`

it("without services nobody looks for a container engine: its client is not even loaded", async () => {
  const redis = await redisServer()
  const NODE_OPTIONS = `--import=data:text/javascript,${encodeURIComponent(teller)}`
  const node = await startNode(installation(redis.url), { NODE_OPTIONS, DOCKER_HOST: "unix:///nowhere/docker.sock" })
  const health = await node.api<{ checks: { docker: object } }>("GET", "/health")
  expect(health.body.checks.docker).toMatchObject({ status: "healthy" })
  const parts = ["store", "durability", "decider", "projections", "certificates", "scheduler", "docker", "oauth"]
  expect(Object.keys(health.body.checks)).toEqual(expect.arrayContaining(parts))
  expect(health.body).toMatchObject({
    certificates_loaded: expect.any(Number),
    https_enabled: expect.any(Boolean),
    orphaned_resources: 0,
    position: expect.any(Number),
  })
  expect(await node.stop()).toBe(0)
  await redis.stop()
  const loaded = JSON.parse(/^loaded (.*)$/m.exec(node.log())![1]!) as string[]
  expect(loaded).toContain("ioredis")
  expect(loaded).not.toContain("dockerode")
})
