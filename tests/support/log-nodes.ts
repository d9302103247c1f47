import { type Installation, type Node, installation, startNode } from "./gatehouse.ts"
import { type RedisServer, redisServer } from "./redis-server.ts"
import { expect } from "vitest"

/** Nodes on one Redis; all of it ends with `stop`. */
export interface LogNodes {
  readonly redis: RedisServer
  readonly shared: Installation
  node(env?: Record<string, string>): Promise<Node>
  stop(): Promise<void>
}

/** A Redis of its own, and nodes on demand. */
export async function logNodes(): Promise<LogNodes> {
  const redis = await redisServer()
  const shared = installation(redis.url)
  const nodes: Node[] = []
  return {
    redis,
    shared,
    async node(env = {}) {
      const started = await startNode(shared, env, 60_000)
      nodes.push(started)
      return started
    },
    async stop() {
      for (const node of nodes) await node.stop()
      await redis.stop()
    },
  }
}

/** Creates a proxy without certificate. @returns the position of the write */
export async function createProxy(node: Node, name: string): Promise<number> {
  const body = { hostname: `${name}.test`, target_url: "http://127.0.0.1:8080", enable_https: false }
  const { status, headers } = await node.api("POST", "/api/v1/proxy/targets", body)
  expect(status).toBe(201)
  return Number(headers.get("x-event-position"))
}
