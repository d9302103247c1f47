import type { EventSchemas, Evolve } from "./envelope.ts"
import { type ApiToken, apiTokenEvents, evolveApiToken } from "./api-token.ts"
import { type Authority, authorityEvents, evolveAuthority } from "./authority.ts"
import { type Certificate, certificateEvents, evolveCertificate } from "./certificate.ts"
import { type Grant, evolveGrant, grantEvents } from "./grant.ts"
import { type Client, clientEvents, evolveClient } from "./oauth-client.ts"
import { type Proxy, evolveProxy, proxyEvents } from "./proxy.ts"
import { type SigningKey, evolveSigningKey, signingKeyEvents } from "./signing-key.ts"

interface Aggregate<State> {
  readonly events: EventSchemas
  readonly evolve: (state: State | undefined, event: never, at: string) => State | undefined
}

const aggregate = <State, Event>(events: EventSchemas, evolve: Evolve<State, Event>): Aggregate<State> => ({ events, evolve })

/** The closed union of aggregates: schemas and fold of each kind. */
export const aggregates = {
  "api-token": aggregate<ApiToken, never>(apiTokenEvents, evolveApiToken),
  authority: aggregate<Authority, never>(authorityEvents, evolveAuthority),
  certificate: aggregate<Certificate, never>(certificateEvents, evolveCertificate),
  grant: aggregate<Grant, never>(grantEvents, evolveGrant),
  client: aggregate<Client, never>(clientEvents, evolveClient),
  proxy: aggregate<Proxy, never>(proxyEvents, evolveProxy),
  "signing-key": aggregate<SigningKey, never>(signingKeyEvents, evolveSigningKey),
} as const

/** Kind of an aggregate. */
export type Kind = keyof typeof aggregates

/** State of an aggregate of one kind. */
export type StateOf<K extends Kind> = (typeof aggregates)[K] extends Aggregate<infer State> ? State : never

/** Version of every event schema that this build writes. */
export const schemaVersion = 1
