import type { Decision } from "../../src/platform/decision-commit.ts"
import type { EventRecord } from "../../src/platform/event-store.ts"
import { GatehouseError } from "../../src/errors.ts"
import type { Policy } from "../../src/commands/decision.ts"
import type { World } from "../../src/events/world.ts"
import { deciderModel } from "../../src/commands/decider.ts"
import { emptyWorld } from "../../src/events/world.ts"

export const policy: Policy = {
  adminEmail: "admin@example.com",
  acmeDirectoryUrl: "https://ca.example/dir",
  acmeStagingUrl: "https://staging.ca.example/dir",
  adminHosts: ["localhost"],
  oauthHosts: ["auth.localhost"],
  targetAllowCidrs: [],
  ownPorts: [80, 443, 9000, 6390],
  publicHttpsPort: 443,
  renewalThresholdDays: 30,
  services: { images: [], firstPort: 11_000, lastPort: 20_000, networks: ["proxy_network"], baseDomain: "localhost" },
}

export const admin = { name: "ADMIN", admin: true, token: "admin" }
export const system = { name: "system:test", admin: true }
export const owner = (name: string) => ({ name, admin: false, token: name.toLowerCase() })
export const hash = (digit: string) => `sha256:${digit.repeat(64)}`

export interface Answer {
  readonly events: readonly string[]
  readonly decided?: Decision
  readonly refused?: string
}

interface Given {
  readonly when: (
    type: string,
    data: unknown,
    actor?: { name: string; admin: boolean; token?: string },
    extras?: object,
  ) => Answer
}

/** A decider without a store: decides, appends to its own log and folds. */
export function decider(overrides: Partial<Policy> = {}) {
  const world: World = emptyWorld()
  const log: EventRecord[] = []
  const model = deciderModel(world, { ...policy, ...overrides })
  let clock = Date.parse("2026-01-01T00:00:00.000Z")
  let count = 0

  function when(
    type: string,
    data: unknown,
    actor: { name: string; admin: boolean; token?: string } = admin,
    extras: object = {},
  ): Answer {
    clock += 1000
    count += 1
    const now = new Date(clock).toISOString()
    try {
      const decided = model.decide(
        {
          id: `c${count}`,
          type,
          data,
          actor,
          correlation_id: `c${count}`,
          submitted_at: now,
          fingerprint: "",
          secrets: [],
          ...extras,
        },
        now,
      )
      const records = decided.events.map((event, index) => ({
        ...event,
        position: world.position + index + 1,
        schema: 1,
        meta: { actor, command_id: `c${count}`, command: type, correlation_id: `c${count}`, at: now },
        hash: `h${world.position + index + 1}`,
      }))
      model.fold(records)
      log.push(...records)
      return { events: decided.events.map((event) => event.type), decided }
    } catch (error) {
      if (error instanceof GatehouseError) return { events: [], refused: error.code }
      throw error
    }
  }

  const tools = {
    world,
    log,
    when,
    /** Commands that must be accepted. */
    given(
      ...commands: [type: string, data: unknown, actor?: { name: string; admin: boolean; token?: string }][]
    ): Given {
      for (const [type, data, actor] of commands) {
        const answer = when(type, data, actor)
        if (answer.refused !== undefined) throw new Error(`given ${type} was refused: ${answer.refused}`)
      }
      return tools
    },
    advance(ms: number) {
      clock += ms
    },
    now: () => new Date(clock).toISOString(),
  }
  return tools
}

export const token = (name: string, email: string | null = null): [string, unknown] => [
  "CreateToken",
  {
    name,
    cert_email: email,
    hash: hash(name.charCodeAt(0).toString(16).slice(-1)),
    preview: "acm_…",
    secret_ref: `token-${name.toLowerCase()}`,
  },
]
