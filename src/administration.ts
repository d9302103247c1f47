import { type AdminApp, apiApp } from "./api/app.ts"
import { type EventSubscriptions, eventSubscriptions } from "./api/event-subscriptions.ts"
import { logTools } from "./log-parts.ts"
import type { DockerParts } from "./effects/docker.ts"
import type { Edge } from "./edge/edge.ts"
import type { NodeCore } from "./node-core.ts"
import type { RequestAccounts } from "./request-accounts.ts"
import type { WebhookParts } from "./effects/webhook-worker.ts"
import { dockerQueries } from "./effects/docker-queries.ts"
import { eventFeed } from "./projections/event-feed.ts"
import { healthChecks } from "./health-checks.ts"
import { oauthAdministration } from "./oauth-administration.ts"
import { policyOf } from "./policy.ts"
import { webhookParts } from "./webhook-parts.ts"

/** What the administration looks at besides the core. */
export interface AdministrationParts {
  readonly accounts: RequestAccounts
  readonly docker: DockerParts
  /** The public listeners, once they serve. */
  readonly edge: () => Edge | undefined
  readonly prepared: () => boolean
}

/** The API with what it is made of that others use too. */
export interface Administration {
  readonly app: AdminApp
  readonly subscriptions: EventSubscriptions
  /** For the worker that delivers. */
  readonly webhooks: WebhookParts
}

/** The administration of a node. */
export function administration(core: NodeCore, parts: AdministrationParts): Administration {
  const { config, projections, bus, store, vault, log, redis, now: clock } = core
  const { accounts, docker, edge, prepared } = parts
  const feed = eventFeed(projections, store)
  const webhooks = webhookParts(core, redis, feed)
  const subscriptions = eventSubscriptions({ projections, feed, log, mostPerToken: config.EVENT_STREAMS_PER_TOKEN })
  const app = apiApp({
    ...{ config, projections, bus, store, vault, log, clock, subscriptions },
    policy: policyOf(config),
    checks: healthChecks({ ...core, clock, edge, prepared, pingDocker: docker.engine.ping }),
    oauth: oauthAdministration({ ...core, ...accounts, clock, edge }),
    logTools: logTools(core),
    access: accounts.access,
    engine: dockerQueries(docker, projections, clock),
    webhooks: webhooks.api,
  })
  return { app, subscriptions, webhooks: webhooks.worker }
}
