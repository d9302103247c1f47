import { apiTokenEvents, evolveApiToken } from "./api-token.ts"
import { authorityEvents, evolveAuthority } from "./authority.ts"
import { browserSessionEvents, evolveBrowserSession } from "./browser-session.ts"
import { certificateEvents, evolveCertificate } from "./certificate.ts"
import { consentEvents, evolveConsent } from "./consent.ts"
import { evolveGrant, grantEvents } from "./grant.ts"
import { evolveInstance, instanceEvents } from "./instance.ts"
import { clientEvents, evolveClient } from "./oauth-client.ts"
import { evolveLog, logEvents } from "./log.ts"
import { evolveProxy, proxyEvents } from "./proxy.ts"
import { evolveResource, resourceEvents } from "./resource.ts"
import { evolveRoute, routeEvents } from "./route.ts"
import { evolveService, serviceEvents } from "./service.ts"
import { evolveSigningKey, signingKeyEvents } from "./signing-key.ts"
import { evolveWebhook, webhookEvents } from "./webhook.ts"

/** The closed union of aggregates: schemas and fold of each kind. */
export const aggregates = {
  "api-token": { events: apiTokenEvents, evolve: evolveApiToken },
  authority: { events: authorityEvents, evolve: evolveAuthority },
  "browser-session": { events: browserSessionEvents, evolve: evolveBrowserSession },
  certificate: { events: certificateEvents, evolve: evolveCertificate },
  consent: { events: consentEvents, evolve: evolveConsent },
  grant: { events: grantEvents, evolve: evolveGrant },
  client: { events: clientEvents, evolve: evolveClient },
  instance: { events: instanceEvents, evolve: evolveInstance },
  log: { events: logEvents, evolve: evolveLog },
  proxy: { events: proxyEvents, evolve: evolveProxy },
  resource: { events: resourceEvents, evolve: evolveResource },
  route: { events: routeEvents, evolve: evolveRoute },
  service: { events: serviceEvents, evolve: evolveService },
  "signing-key": { events: signingKeyEvents, evolve: evolveSigningKey },
  webhook: { events: webhookEvents, evolve: evolveWebhook },
} as const

/** Kind of an aggregate. */
export type Kind = keyof typeof aggregates

/** State of an aggregate of one kind. */
export type StateOf<K extends Kind> = Exclude<ReturnType<(typeof aggregates)[K]["evolve"]>, undefined>

/** Event types of one kind. */
export type TypeOf<K extends Kind> = keyof (typeof aggregates)[K]["events"] & string

/** Version of every event schema that this build writes. */
export const schemaVersion = 1
