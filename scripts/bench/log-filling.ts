import { canonicalJson } from "../../src/platform/canonical-json.ts"
import { chain, genesisHash } from "../../src/platform/event-chain.ts"
import type { Redis } from "ioredis"

/** Proxies that the events are about; as many as a large installation has. */
const proxies = 1000
const batch = 2000

/** Fills an empty log with chained events: proxies that are created, and then changed in turn. */
export async function fillLog(
  redis: Redis,
  events: number,
): Promise<{ readonly bytes: number; readonly milliseconds: number }> {
  const began = performance.now()
  let hash = genesisHash
  for (let position = 1; position <= events;) {
    const pipeline = redis.pipeline()
    for (const last = Math.min(events, position + batch - 1); position <= last; position += 1) {
      const event = eventAt(position)
      hash = chain(hash, event)
      const fields = {
        ...event,
        schema: String(event.schema),
        data: canonicalJson(event.data),
        meta: canonicalJson(event.meta),
        hash,
      }
      const { position: _, ...stored } = fields
      pipeline.xadd("{gh}:events", `${position}-0`, ...Object.entries(stored).flat())
    }
    await pipeline.exec()
  }
  await redis.hset("{gh}:head", "seq", events, "hash", hash)
  const bytes = Number(await redis.memory("USAGE", "{gh}:events"))
  return { bytes, milliseconds: performance.now() - began }
}

function eventAt(position: number) {
  const hostname = `p${position % proxies}.example.com`
  const meta = {
    actor: { name: "ADMIN", admin: true, token: "admin" },
    ip: "127.0.0.1",
    command_id: `00000000-0000-4000-8000-${String(position).padStart(12, "0")}`,
    command: "UpdateProxy",
    correlation_id: `00000000-0000-4000-8000-${String(position).padStart(12, "0")}`,
    at: new Date(1_767_225_600_000 + position).toISOString(),
  }
  const about = { position, kind: "proxy", id: hostname, schema: 1, meta }
  if (position > proxies)
    return { ...about, type: "ProxyUpdated", data: { target_url: `http://10.0.0.1:${position % 60_000}` } }
  const settings = {
    enabled: true,
    enable_http: true,
    enable_https: false,
    preserve_host_header: true,
    custom_headers: {},
  }
  const data = { ...settings, target_url: "http://10.0.0.1", cert_name: null, hostname, owner: "admin" }
  return { ...about, type: "ProxyCreated", data }
}
