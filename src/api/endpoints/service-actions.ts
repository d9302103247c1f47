import * as z from "zod"
import { type Answer, type Call, endpoint } from "../endpoint.ts"
import { Email, HostName } from "../../events/values.ts"
import { Named, settling, shownService, untilSettled } from "./services.ts"
import { flag, integer } from "../list.ts"
import { ProxyView } from "../../projections/views/proxy.ts"
import { ServiceStatus } from "../../events/service.ts"
import { shownProxy } from "./proxies.ts"
import { write } from "../write.ts"

const tag = "services"
const one = "/api/v1/services/{name}"

const State = z.strictObject({
  service_name: z.string(),
  status: ServiceStatus,
  desired_state: z.enum(["running", "stopped", "removed"]),
})

/** Longest time that an action waits for its end, beyond the grace of the container. */
const waitSeconds = 60

function action(
  verb: "start" | "stop" | "restart",
  type: "StartService" | "StopService" | "RestartService",
  summary: string,
) {
  return endpoint({
    method: "POST",
    path: `${one}/${verb}`,
    operationId: `${verb}Service`,
    tag,
    summary,
    who: "owner",
    params: Named,
    query: z.strictObject({
      wait: flag(false),
      timeout: integer(0, 300, 10).describe("Seconds that the container gets to end."),
    }),
    status: 202,
    response: State,
    errors: ["not_owner", "invalid_state"],
    handler(call) {
      const { name } = call.params
      const { wait, timeout } = call.query
      const data = { service_name: name, ...(verb !== "start" && { grace: timeout }) }
      return write<{ changed: boolean }>(call, { type, data }, async ({ result }) => {
        if (wait && result.changed) await untilSettled(call, name, timeout + waitSeconds)
        return stateNow(call, name, !result.changed || wait)
      })
    },
  })
}

/** @param waited nothing was to be done, or somebody waited for it: longer than it is good for is no end of the work */
function stateNow(call: Call, name: string, waited: boolean): Answer {
  const { service, version } = shownService(call, name)
  const { service_name, status, desired_state } = service
  const over = waited && !settling.has(status)
  return {
    status: over ? 200 : 202,
    body: { service_name, status, desired_state },
    headers: over ? {} : { location: `/api/v1/services/${name}` },
    version,
  }
}

const start = action("start", "StartService", "Start a service that is stopped, or try again one that failed.")
const stop = action("stop", "StopService", "Stop a service; it keeps its container and its port.")
const restart = action("restart", "RestartService", "Restart the container of a service.")

const createServiceProxy = endpoint({
  method: "POST",
  path: `${one}/proxy`,
  operationId: "createServiceProxy",
  tag,
  summary:
    "Create a proxy that leads to a service and is deleted with it; its host is <name>.BASE_DOMAIN unless another is named.",
  who: "owner",
  params: Named,
  body: z.strictObject({
    hostname: HostName.optional(),
    enable_https: z.boolean().default(false),
    cert_email: Email.optional(),
    staging: z.boolean().default(false),
  }),
  status: 201,
  response: z.strictObject({
    proxy_target: ProxyView,
    certificate_status: z.enum(["started", "existing", "not_required"]),
  }),
  errors: [
    "not_owner",
    "already_exists",
    "reserved_name",
    "invalid_state",
    "email_required",
    "domain_claimed",
    "issuer_not_applicable",
    "certificate_not_covering",
  ],
  handler(call) {
    const data = { service_name: call.params.name, ...call.body }
    return write<{ hostname: string; certificate_status: string }>(
      call,
      { type: "CreateServiceProxy", data },
      ({ result }) => {
        const { view, version } = shownProxy(call, result.hostname)
        return {
          body: { proxy_target: view, certificate_status: result.certificate_status },
          headers: { location: `/api/v1/proxy/targets/${result.hostname}` },
          version,
        }
      },
    )
  },
})

/** Endpoints that set something in motion with a service. */
export const serviceActionEndpoints = [start, stop, restart, createServiceProxy]
