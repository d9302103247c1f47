import { type Installation, type Node, installation, startNode } from "./gatehouse.ts"
import { adminApi } from "../../scripts/admin-api.ts"
import { demo, provision } from "../../scripts/demo/provision.ts"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { type RedisServer, redisServer } from "./redis-server.ts"
import { accessToken, signIn } from "../../scripts/mcp-client/sign-in.ts"
import { join } from "node:path"
import { agent } from "./browser.ts"
import { tmpdir } from "node:os"

/** A node with one MCP host behind OAuth, both with certificates of the internal CA. */
export interface ProtectedServer {
  readonly node: Node
  readonly shared: Installation
  readonly redis: RedisServer
  /** `https://mcp.localhost:<port>/mcp` */
  readonly url: string
  /** `https://auth.localhost:<port>` */
  readonly issuer: string
  /** The CA's certificate, and a file with it for `NODE_EXTRA_CA_CERTS`. */
  readonly ca: string
  readonly caFile: string
  /** API token of the person who signs in. */
  readonly person: string
  /** A whole sign-in of a client. @returns its access token */
  accessToken(): Promise<string>
  stop(): Promise<void>
}

/** @param target MCP server; its path is `/mcp` @param overrides environment of the node */
export async function protectedServer(
  target: string,
  overrides: Record<string, string> = {},
): Promise<ProtectedServer> {
  const redis = await redisServer()
  const shared = installation(redis.url)
  const node = await startNode(shared, overrides)
  const { token, ca } = await provision(adminApi(node.apiPort, node.adminToken), target, "auth.localhost")
  const folder = mkdtempSync(join(tmpdir(), "gatehouse-ca-"))
  const caFile = join(folder, "ca.pem")
  writeFileSync(caFile, ca)
  const url = `https://${demo.hostname}:${node.httpsPort}/mcp`
  return {
    node,
    shared,
    redis,
    url,
    issuer: `https://auth.localhost:${node.httpsPort}`,
    ca,
    caFile,
    person: token,
    accessToken: () => accessToken(signIn(agent(ca), token), new URL(url)),
    async stop() {
      await node.stop()
      await redis.stop()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}
