import { apiTokenEvents, evolveApiToken } from "./api-token.ts"
import { authorityEvents, evolveAuthority } from "./authority.ts"
import { certificateEvents, evolveCertificate } from "./certificate.ts"
import { evolveGrant, grantEvents } from "./grant.ts"
import { clientEvents, evolveClient } from "./oauth-client.ts"
import { evolveProxy, proxyEvents } from "./proxy.ts"
import { evolveSigningKey, signingKeyEvents } from "./signing-key.ts"

/** The closed union of aggregates: schemas and fold of each kind. */
export const aggregates = {
  "api-token": { events: apiTokenEvents, evolve: evolveApiToken },
  authority: { events: authorityEvents, evolve: evolveAuthority },
  certificate: { events: certificateEvents, evolve: evolveCertificate },
  grant: { events: grantEvents, evolve: evolveGrant },
  client: { events: clientEvents, evolve: evolveClient },
  proxy: { events: proxyEvents, evolve: evolveProxy },
  "signing-key": { events: signingKeyEvents, evolve: evolveSigningKey },
} as const

/** Kind of an aggregate. */
export type Kind = keyof typeof aggregates

/** State of an aggregate of one kind. */
export type StateOf<K extends Kind> = Exclude<ReturnType<(typeof aggregates)[K]["evolve"]>, undefined>

/** Event types of one kind. */
export type TypeOf<K extends Kind> = keyof (typeof aggregates)[K]["events"] & string

/** Version of every event schema that this build writes. */
export const schemaVersion = 1
