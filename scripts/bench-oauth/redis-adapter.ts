import type { Redis } from "ioredis"

/** What oidc-provider keeps of one thing. */
interface Payload {
  grantId?: string
  uid?: string
  userCode?: string
  [member: string]: unknown
}

/** Kinds that end with their grant. */
const granted = new Set([
  "AccessToken",
  "AuthorizationCode",
  "RefreshToken",
  "DeviceCode",
  "BackchannelAuthenticationRequest",
])

/**
 * Storage of oidc-provider on Redis: one value for each thing, with its time to live; a set for each grant with what it
 * issued; a mark on what was used once. A write and what belongs to it are one transaction.
 */
export function redisAdapter(redis: Redis) {
  const key = (kind: string, id: string) => `op:${kind}:${id}`
  return class Adapter {
    readonly kind: string

    constructor(kind: string) {
      this.kind = kind
    }

    async upsert(id: string, payload: Payload, expiresIn?: number): Promise<void> {
      const own = key(this.kind, id)
      const write = redis.multi()
      const text = JSON.stringify(payload)
      if (expiresIn === undefined) write.set(own, text)
      else write.set(own, text, "EX", expiresIn)
      if (payload.uid !== undefined) write.set(key("uid", payload.uid), id, "EX", expiresIn ?? 86_400)
      if (payload.userCode !== undefined) write.set(key("code", payload.userCode), id, "EX", expiresIn ?? 600)
      if (granted.has(this.kind) && payload.grantId !== undefined) {
        write.sadd(key("grant", payload.grantId), own)
        if (expiresIn !== undefined) write.expire(key("grant", payload.grantId), expiresIn, "GT")
      }
      await write.exec()
    }

    async find(id: string): Promise<Payload | undefined> {
      const [text, consumed] = await redis.mget(key(this.kind, id), key("consumed", id))
      if (text === null || text === undefined) return undefined
      const payload = JSON.parse(text) as Payload
      return consumed === null || consumed === undefined ? payload : { ...payload, consumed: Number(consumed) }
    }

    async findByUid(uid: string): Promise<Payload | undefined> {
      const id = await redis.get(key("uid", uid))
      return id === null ? undefined : this.find(id)
    }

    async findByUserCode(code: string): Promise<Payload | undefined> {
      const id = await redis.get(key("code", code))
      return id === null ? undefined : this.find(id)
    }

    async consume(id: string): Promise<void> {
      await redis.set(key("consumed", id), Math.floor(Date.now() / 1000), "EX", 1_209_600)
    }

    async destroy(id: string): Promise<void> {
      await redis.del(key(this.kind, id))
    }

    async revokeByGrantId(grantId: string): Promise<void> {
      const members = await redis.smembers(key("grant", grantId))
      await redis.del(key("grant", grantId), ...members)
    }
  }
}
