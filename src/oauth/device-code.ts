import { randomInt } from "node:crypto"
import { randomSecret, sha256 } from "../platform/ids.ts"
import type { AuthorizationServer } from "./authorization-server.ts"
import type { GrantedFacts } from "./token-response.ts"
import { PageError } from "./oauth-error.ts"
import { revokeGrant } from "./grant-revocation.ts"
import { devicePage } from "./device-page.ts"

/** Seconds that a device waits for its person (RFC 8628 §3.2). */
export const deviceLife = 600
/** Seconds between two polls at first. */
export const pollInterval = 5
/** How long after that a device is still told that it came too late. */
const rememberMs = 600_000

/** A device that asked for access, and what it asked for. */
export interface DeviceRequest {
  readonly client_id: string
  readonly scope: readonly string[]
  readonly resources: readonly string[]
  readonly user_code: string
  /** Address that asked. */
  readonly ip: string
  /** Milliseconds since the epoch. */
  readonly asked_at: number
}

/** A request as it stands in the store. What Lua has no business with is text: it would turn empty lists into objects. */
interface DeviceRecord {
  readonly client_id: string
  readonly request: string
  /** Milliseconds since the epoch. */
  readonly expires: number
  readonly status: "pending" | "approved" | "denied" | "used"
  /** Seconds between two polls, and when the next one may come. */
  readonly interval: number
  readonly next_at: number
  /** Facts of the grant, once approved. */
  readonly value?: string
}

/** Letters of a user code: no vowels, so no words, and none that look like another (RFC 8628 §6.1). */
const letters = "BCDFGHJKLMNPQRSTVWXZ"
const userCodeForm = new RegExp(`^[${letters}]{8}$`)

/** Eight letters, about 34 bits: enough for ten minutes behind a limit on guesses. */
function newUserCode(): string {
  const letter = () => letters[randomInt(letters.length)]!
  return Array.from({ length: 8 }, letter).join("")
}

/** `ABCD-EFGH`, as people read it. */
export function shownUserCode(code: string): string {
  return `${code.slice(0, 4)}-${code.slice(4)}`
}

/** A code as somebody typed it: case, spaces and hyphens do not matter. Undefined for what cannot be one. */
export function readUserCode(typed: string): string | undefined {
  const code = typed.toUpperCase().replace(/[\s-]/g, "")
  return userCodeForm.test(code) ? code : undefined
}

/** Name of a device's request in the store; the code itself is known to the device alone. */
export function deviceHandle(deviceCode: string): string {
  return sha256(deviceCode)
}

/** Stores a device's request under a new pair of codes. */
export async function openDeviceRequest(
  server: AuthorizationServer,
  asked: Pick<DeviceRequest, "client_id" | "scope" | "resources" | "ip">,
): Promise<{ deviceCode: string; userCode: string }> {
  const deviceCode = randomSecret()
  const handle = deviceHandle(deviceCode)
  const now = server.clock().getTime()
  const userCode = await reserveUserCode(server, handle)
  const request: DeviceRequest = { ...asked, user_code: userCode, asked_at: now }
  const record: DeviceRecord = {
    client_id: asked.client_id,
    request: JSON.stringify(request),
    expires: now + deviceLife * 1000,
    status: "pending",
    interval: pollInterval,
    next_at: 0,
  }
  await server.ttl.put("device", handle, record, deviceLife * 1000 + rememberMs)
  return { deviceCode, userCode }
}

async function reserveUserCode(server: AuthorizationServer, handle: string): Promise<string> {
  for (;;) {
    const code = newUserCode()
    if (await server.ttl.putNew("user-code", code, handle, deviceLife * 1000)) return code
  }
}

/** The request that waits under a user code, with its name; undefined when there is none any more. */
export async function waitingDevice(
  server: AuthorizationServer,
  userCode: string,
): Promise<{ device: string; request: DeviceRequest } | undefined> {
  const device = (await server.ttl.peek("user-code", userCode)) as string | undefined
  const record = device === undefined ? undefined : await deviceRecord(server, device)
  if (device === undefined || record?.status !== "pending" || record.expires <= server.clock().getTime())
    return undefined
  return { device, request: JSON.parse(record.request) as DeviceRequest }
}

/** What is known of a device by its name: its request, and the facts of its grant once that is approved. */
export async function deviceState(
  server: AuthorizationServer,
  device: string,
): Promise<{ request: DeviceRequest; value: string | undefined } | undefined> {
  const record = await deviceRecord(server, device)
  return record && { request: JSON.parse(record.request) as DeviceRequest, value: record.value }
}

async function deviceRecord(server: AuthorizationServer, device: string): Promise<DeviceRecord | undefined> {
  return (await server.ttl.peek("device", device)) as DeviceRecord | undefined
}

/** Lets the device have its tokens at its next poll. @throws PageError when it waited too long */
export async function approveDevice(
  server: AuthorizationServer,
  device: string,
  facts: GrantedFacts,
  refreshable: boolean,
): Promise<Response> {
  const familyTtl = refreshable ? server.config.OAUTH_REFRESH_TOKEN_LIFETIME * 1000 : 0
  const approval = { status: "approved", value: JSON.stringify(facts), family_ttl: familyTtl } as const
  if (!(await server.ttl.decideDevice(device, approval, server.clock().getTime()))) {
    await revokeGrant(server, facts.grant_id, "expired")
    throw new PageError(400, "device_expired", "Too late", "The device does not wait any more. Start again there.")
  }
  return devicePage("Access granted", "The device goes on by itself. You can close this page.")
}

/** Tells the device at its next poll that it gets nothing. */
export async function denyDevice(server: AuthorizationServer, device: string): Promise<void> {
  await server.ttl.decideDevice(device, { status: "denied" }, server.clock().getTime())
}
