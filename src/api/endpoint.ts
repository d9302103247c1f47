import * as z from "zod"
import type { AccessReader } from "../platform/access-reader.ts"
import type { Caller } from "./caller.ts"
import type { CommandBus } from "../platform/command-bus.ts"
import type { Config } from "../platform/config.ts"
import type { ErrorCode } from "../errors.ts"
import type { EventSubscriptions } from "./event-subscriptions.ts"
import type { EventStore } from "../platform/event-store.ts"
import type { HealthCheck } from "./health.ts"
import type { Logger } from "../platform/log.ts"
import type { LogTools } from "./log-tools.ts"
import type { Policy } from "../commands/decision.ts"
import type { OAuthParts } from "./oauth-parts.ts"
import type { ServiceEngine } from "./service-engine.ts"
import type { Projections } from "../projections/projections.ts"
import type { Vault } from "../platform/vault.ts"
import type { WebhookDeliveries } from "./webhook-deliveries.ts"

/** What every handler may use; the composition root puts it together. */
export interface Api {
  readonly config: Config
  readonly projections: Projections
  readonly bus: CommandBus
  readonly store: EventStore
  readonly vault: Vault
  readonly log: Logger
  readonly clock: () => Date
  /** What decisions take from the configuration; plans are made with it. */
  readonly policy: Policy
  /** Health of each part by its name. */
  readonly checks: Readonly<Record<string, HealthCheck>>
  readonly oauth: OAuthParts
  readonly logTools: LogTools
  readonly access: AccessReader
  /** The container engine; without one services cannot be looked into. */
  readonly engine?: ServiceEngine
  readonly subscriptions: EventSubscriptions
  readonly webhooks: WebhookDeliveries
}

/**
 * Who may call: `admin` only; `owner` of the object or an administrator; `any` valid token; `public` without one.
 * The rule about the object is the handler's, or its command's.
 */
export type Who = "admin" | "owner" | "any" | "public"

/** One authenticated, validated request. */
export interface Call<P = unknown, Q = unknown, B = unknown> {
  readonly api: Api
  readonly caller: Caller
  readonly params: P
  readonly query: Q
  readonly body: B
  readonly ip: string | undefined
  readonly requestId: string
  readonly idempotencyKey: string | undefined
  /** Why the change is made, in the caller's words. */
  readonly reason?: string | undefined
  readonly ifMatch: number | undefined
  /** Header `X-Passphrase`, for endpoints that take one. */
  readonly passphrase: string | undefined
  /** What a subscriber has seen last, by its own account (HTML §9.2.4). */
  readonly lastEventId: string | undefined
  /** Aborted when the client goes away. */
  readonly signal: AbortSignal
}

/** What a handler answers with; everything left out is the endpoint's default. */
export interface Answer {
  readonly status?: number
  readonly body?: unknown
  /** Instead of a body in JSON; comes with its content type. */
  readonly text?: string
  /** Instead of a body that is known: bytes as they come; with its content type. */
  readonly stream?: ReadableStream<Uint8Array>
  readonly headers?: Readonly<Record<string, string>>
  /** Version of the object in the body: becomes the ETag, of a read together with what is shown. */
  readonly version?: number | undefined
  /** Position of a write. */
  readonly position?: number
  /** The body holds a secret: `Cache-Control: no-store`. */
  readonly secret?: boolean
}

/** One entry of the endpoint table. Router, validation, OpenAPI and the command line are folds over these values. */
export interface Definition<P extends z.ZodObject, Q extends z.ZodObject, B extends z.ZodType> {
  readonly method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE"
  /** With `{parameter}` segments. */
  readonly path: string
  readonly operationId: string
  readonly tag: string
  readonly summary: string
  readonly who: Who
  readonly params?: P
  readonly query?: Q
  /** Query flag with which the answer holds a stored secret: MCP offers it to administrators only, and apart. */
  readonly reveals?: string
  /** Query flag with which the answer does not end: not for MCP. */
  readonly streams?: string
  /** Takes a passphrase from the header `X-Passphrase`; what needs it is not for MCP, whose calls are kept. */
  readonly passphrase?: true
  /** Its body may be {@link largeBodies} times as large as another's. */
  readonly largeBody?: true
  /** Not counted against the caller's request budget: whoever watches the node must always get an answer. */
  readonly unlimited?: true
  /** Seconds that an answer may take; 30. */
  readonly deadline?: number
  /** Absent: the endpoint takes no body. */
  readonly body?: B
  /** Runs before the body's schema: other spellings of its fields. */
  readonly prepare?: (body: Readonly<Record<string, unknown>>) => Record<string, unknown>
  /** What to say about a field that the body's schema does not know. */
  readonly unknownField?: (name: string) => string | undefined
  /** Status of success. */
  readonly status: 200 | 201 | 202 | 204
  readonly response: z.ZodType
  /** What a success is written in; JSON unless said otherwise. */
  readonly contentTypes?: readonly string[]
  /** Codes beyond those that every endpoint may answer with. */
  readonly errors?: readonly ErrorCode[]
  handler(call: Call<z.output<P>, z.output<Q>, z.output<B>>): Answer | Promise<Answer>
}

/** How much larger a body may be that holds many objects. */
export const largeBodies = 32

/** An endpoint of any shape. */
export type Endpoint = Definition<z.ZodObject, z.ZodObject, z.ZodType>

/** Nothing: no parameters, no query. */
export const none = z.strictObject({})

/** Types one endpoint against its own schemas. */
export function endpoint<
  P extends z.ZodObject = typeof none,
  Q extends z.ZodObject = typeof none,
  B extends z.ZodType = z.ZodUndefined,
>(definition: Definition<P, Q, B>): Endpoint {
  return definition
}
