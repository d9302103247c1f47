import { hash } from "node:crypto"
import type { Redis } from "ioredis"
import { available, untilReady } from "./redis-call.ts"
import { type RedisScript, redisScript } from "./redis-script.ts"
import { keys } from "./redis-keys.ts"

/** An authorization code as it waits to be redeemed. `value` is what its grant needs later and is not looked at here. */
export interface CodeRecord {
  readonly client_id: string
  readonly redirect_uri: string
  /** Did the authorization request name the redirect URI? Then the token request must name it too (RFC 6749 §4.1.3). */
  readonly redirect_uri_given: boolean
  readonly code_challenge: string
  /** Thumbprint of the key that the authorization request promised (RFC 9449 §10); empty or absent = any or none. */
  readonly jkt?: string
  readonly resources: readonly string[]
  /** Milliseconds since the epoch. */
  readonly expires: number
  /** Life of the refresh family that redemption starts, milliseconds; 0 = none. */
  readonly family_ttl: number
  readonly value: string
}

/** What a token request must match to redeem a code. */
export interface CodeBindings {
  readonly client_id: string
  readonly redirect_uri: string
  readonly code_challenge: string
  /** Thumbprint of the key that the request proved; empty or absent = none. */
  readonly jkt?: string
  /** Refresh tokens are bound to that key. */
  readonly bind?: boolean
  readonly resources: readonly string[]
}

/** What became of a redemption; only `redeemed` changed anything. */
export type Redemption =
  | { readonly status: "redeemed" | "used"; readonly value: string }
  | { readonly status: "refused"; readonly binding: "client" | "redirect_uri" | "verifier" | "key" | "resource" }
  | { readonly status: "unknown" }

/** What became of a rotation. `current` names the token to hand out; `reused` means that the family is dead. */
export type Rotation =
  | { readonly status: "current"; readonly generation: number }
  | { readonly status: "reused" | "refused" | "unknown" }

/** How a record stands in the index of its kind. */
export interface IndexLine {
  /** What is known of it without reading it; no blanks in them. */
  readonly facets?: readonly string[]
  /** How long it can be read after it expired, milliseconds; 0 by default. */
  readonly keepMs?: number
}

/** A person's decision about a device. */
export type DeviceDecision =
  | { readonly status: "denied" }
  /** `family_ttl`: life of the refresh family that the first poll starts, milliseconds; 0 = none. */
  | { readonly status: "approved"; readonly value: string; readonly family_ttl: number }

/** Where a device's request stands. `approved` is told once. */
export type DevicePoll =
  | { readonly status: "approved"; readonly value: string }
  | { readonly status: "slow_down"; readonly interval: number }
  | { readonly status: "pending" | "denied" | "expired" | "unknown" }

/**
 * State that lives for seconds to days, in keys that expire. An id stands in Redis only as its SHA-256, for many are secrets.
 * Each call is one atomic step and rejects with GatehouseError `store_unavailable` when Redis cannot do it now.
 */
export interface TtlStore {
  /** @param line with it the record is also found by the index of its kind ({@link oauthIndex}) */
  put(kind: string, id: string, value: unknown, ttlMs: number, line?: IndexLine): Promise<void>
  /** Stores unless the id is there already: of many callers one gets `true`. */
  putNew(kind: string, id: string, value: unknown, ttlMs: number): Promise<boolean>
  /** The value, or undefined. */
  peek(kind: string, id: string): Promise<unknown>
  /** The value, gone from the store in the same step: of many callers one gets it. */
  take(kind: string, id: string): Promise<unknown>
  remove(kind: string, id: string): Promise<void>
  putCode(code: string, record: CodeRecord, ttlMs: number): Promise<void>
  /** @param rememberMs how long a used code is recognised */
  redeemCode(code: string, family: string, bindings: CodeBindings, now: number, rememberMs: number): Promise<Redemption>
  /** @param generation of the presented token */
  rotate(
    family: string,
    clientId: string,
    generation: number,
    now: number,
    graceMs: number,
    ttlMs: number,
  ): Promise<Rotation>
  /** @returns false when the device does not wait any more */
  decideDevice(device: string, decision: DeviceDecision, now: number): Promise<boolean>
  /**
   * @param family refresh family to start if the request is approved; empty when the caller saw no approval
   * @param jkt thumbprint of the key that its refresh tokens are bound to; empty = none
   */
  pollDevice(device: string, family: string, clientId: string, now: number, jkt: string): Promise<DevicePoll>
  /** Counts one event in a fixed window. */
  count(id: string, windowMs: number): Promise<{ readonly count: number; readonly endsInMs: number }>
}

/** How long a call waits for a connection that is just being made, milliseconds. */
const connectionWait = 400
const putIndexedScript = redisScript("oauth-put-indexed")
const redeemScript = redisScript("oauth-redeem-code")
const rotateScript = redisScript("oauth-rotate-refresh")
const decideDeviceScript = redisScript("oauth-decide-device")
const pollDeviceScript = redisScript("oauth-poll-device")
const countScript = redisScript("oauth-count")

/**
 * TTL store on one Redis connection.
 * @param redis a `command` connection of its own
 */
export function ttlStore(redis: Redis): TtlStore {
  const call = <T>(run: () => Promise<T>): Promise<T> => available(untilReady(redis, connectionWait).then(run))
  const write = async (kind: string, id: string, value: unknown, ttlMs: number) => {
    await call(() => redis.set(key(kind, id), JSON.stringify(value), "PX", Math.max(1, Math.ceil(ttlMs))))
  }
  const evaluate = (script: RedisScript, names: readonly string[], ...args: readonly (string | number)[]) =>
    call(() => script(redis, names, args)) as Promise<readonly (string | number)[]>
  const writeIndexed = async (kind: string, id: string, value: unknown, ttlMs: number, line: IndexLine) => {
    const { facets = [], keepMs = 0 } = line
    const life = Math.max(1, Math.ceil(ttlMs))
    const names = [key(kind, id), keys.oauthIndex(kind)]
    await call(() => putIndexedScript(redis, names, [JSON.stringify(value), life, keepMs, facets.join(" ")]))
  }
  return {
    put: (kind, id, value, ttlMs, line) =>
      line === undefined ? write(kind, id, value, ttlMs) : writeIndexed(kind, id, value, ttlMs, line),
    async putNew(kind, id, value, ttlMs) {
      const life = Math.max(1, Math.ceil(ttlMs))
      return (await call(() => redis.set(key(kind, id), JSON.stringify(value), "PX", life, "NX"))) === "OK"
    },
    peek: async (kind, id) => parse(await call(() => redis.get(key(kind, id)))),
    take: async (kind, id) => parse(await call(() => redis.getdel(key(kind, id)))),
    async remove(kind, id) {
      await call(() => redis.unlink(key(kind, id)))
    },
    putCode: (code, record, ttlMs) => write("code", code, record, ttlMs),
    async redeemCode(code, family, bindings, now, rememberMs) {
      const { client_id, redirect_uri, code_challenge, jkt = "", bind = false, resources } = bindings
      const args = [client_id, redirect_uri, code_challenge, now, rememberMs, jkt, bind ? 1 : 0, ...resources]
      const names = [key("code", code), key("refresh", family), keys.oauthIndex("refresh")]
      const [status, detail] = await evaluate(redeemScript, names, ...args)
      if (status === "refused") return { status, binding: detail } as Redemption
      return { status, value: detail } as Redemption
    },
    async rotate(family, clientId, generation, now, graceMs, ttlMs) {
      const [status, current] = await evaluate(
        rotateScript,
        [key("refresh", family), keys.oauthIndex("refresh")],
        clientId,
        generation,
        now,
        graceMs,
        ttlMs,
      )
      return { status, generation: current } as Rotation
    },
    async decideDevice(device, decision, now) {
      return (
        Number(
          await call(() => decideDeviceScript(redis, [key("device", device)], [JSON.stringify(decision), now])),
        ) === 1
      )
    },
    async pollDevice(device, family, clientId, now, jkt) {
      const names = [key("device", device), key("refresh", family), keys.oauthIndex("refresh")]
      const [status, detail] = await evaluate(pollDeviceScript, names, clientId, now, family, jkt)
      if (status === "slow_down") return { status, interval: Number(detail) }
      return { status, value: detail } as DevicePoll
    },
    async count(id, windowMs) {
      const [count, endsInMs] = await evaluate(countScript, [key("rate", id)], windowMs)
      return { count: Number(count), endsInMs: Math.max(0, Number(endsInMs)) }
    },
  }
}

function key(kind: string, id: string): string {
  return keys.oauth(kind, hash("sha256", id))
}

function parse(text: string | null): unknown {
  return text === null ? undefined : JSON.parse(text)
}
