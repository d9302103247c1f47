import type { CommandRequest } from "../platform/command-bus.ts"
import type { Counters } from "../platform/counters.ts"
import type { HealthCheck } from "./health.ts"
import type { OAuthIndex } from "../platform/oauth-index.ts"
import type { OwnHosts } from "./diagnose/reach.ts"
import type { Usage } from "../platform/usage.ts"

/** What the endpoints about OAuth work with besides the log: state that expires, numbers, and the node's own listeners. */
export interface OAuthParts {
  readonly index: OAuthIndex
  readonly counters: Counters
  readonly usage: Usage
  /** Checks of the authorization server by name; each really does what it is named for. */
  readonly checks: Readonly<Record<string, HealthCheck>>
  readonly own: OwnHosts
  /** The command of a new signing key; its private part is in the secrets, sealed. */
  readonly rotation: () => Promise<Pick<CommandRequest, "type" | "data" | "asked" | "secrets">>
  /** A new signing key is in the log. */
  readonly rotated: () => void
}
