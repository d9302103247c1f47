import * as z from "zod"
import type { Caller } from "./caller.ts"
import type { Api } from "./endpoint.ts"
import type { NumberedRequest } from "../platform/access-reader.ts"
import { all } from "../events/world.ts"

const nullableText = z.string().nullable()

/** One request as the access log has it. */
export const AccessRequest = z
  .strictObject({
    number: z.int().describe("Among all requests that were ever recorded, from 1; in the order in which they ended."),
    at: z.string().describe("Start."),
    client: z.string().describe("Address."),
    host: z.string().describe("Empty when none could be read."),
    method: z.string(),
    path: z.string().describe("Never with its query."),
    status: z.int().describe("0 when the client left before there was one."),
    bytes: z.int().describe("Of the body, to the client."),
    duration_ms: z.number(),
    proxy: nullableText.describe("Host name of the proxy that answered."),
    subject: nullableText,
    client_id: nullableText.describe("OAuth client."),
    grant_id: nullableText,
    token_id: nullableText.describe("jti of the access token."),
    reason: nullableText.describe("Why it ended as it did; null for a plain answer."),
    request_id: nullableText,
    mcp: z
      .strictObject({
        method: nullableText,
        name: nullableText,
        rule: nullableText.describe("Number of the rule that decided, or default."),
      })
      .nullable(),
  })
  .meta({ id: "AccessRequest" })
export type AccessRequest = z.infer<typeof AccessRequest>

/** What to look for; the fields of a query. */
export const accessFilter = {
  proxy: z.string().toLowerCase().max(253).optional().describe("Host name of a proxy."),
  host: z.string().toLowerCase().max(253).optional(),
  client: z.string().max(64).optional().describe("Address."),
  status: z
    .string()
    .regex(/^(?:0|[1-5](?:xx|\d\d))$/, "must be a status, a class such as 5xx, or 0")
    .optional()
    .describe("A status, a class such as 5xx, or 0 for requests whose client left."),
  method: z.string().toUpperCase().max(32).optional(),
  path: z.string().max(2048).optional().describe("What the path begins with."),
  subject: z.string().max(256).optional(),
  client_id: z.string().max(2048).optional(),
  grant_id: z.string().max(128).optional(),
  reason: z.string().max(64).optional(),
  request_id: z.string().max(128).optional(),
  since: z.iso.datetime({ offset: true }).optional().describe("First start."),
  until: z.iso.datetime({ offset: true }).optional().describe("Last start."),
} as const
const AccessFilter = z.strictObject(accessFilter)
export type AccessFilter = z.output<typeof AccessFilter>

type Test = (request: AccessRequest) => boolean

/** Columns that a filter names with the value that they must have. */
const equal = ["proxy", "host", "client", "method", "subject", "client_id", "grant_id", "reason", "request_id"] as const

/** What the caller may see of what was asked for; undefined when that is everything. */
export function wantedRequests(api: Api, caller: Caller, filter: AccessFilter): Test | undefined {
  const { status, path, since, until } = filter
  const tests: Test[] = equal.flatMap((name) => {
    const value = filter[name]
    return value === undefined ? [] : [(request: AccessRequest) => request[name] === value]
  })
  if (!caller.admin) tests.push(ownRequests(api, caller))
  if (status?.endsWith("xx") === true) tests.push((request) => Math.floor(request.status / 100) === Number(status[0]))
  else if (status !== undefined) tests.push((request) => request.status === Number(status))
  if (path !== undefined) tests.push((request) => request.path.startsWith(path))
  if (since !== undefined) tests.push((request) => Date.parse(request.at) >= Date.parse(since))
  if (until !== undefined) tests.push((request) => Date.parse(request.at) <= Date.parse(until))
  return tests.length === 0 ? undefined : (request) => tests.every((test) => test(request))
}

/** Requests of the caller's own proxies. Only since each exists: its name may have been somebody else's before. */
function ownRequests({ projections: { world } }: Api, { token }: Caller): Test {
  const own = [...all(world, "proxy")].filter(({ owner }) => owner === token)
  const since = new Map(own.map(({ hostname, created_at }) => [hostname, created_at]))
  return ({ proxy, at }) => at >= (since.get(proxy ?? "") ?? "~")
}

const columns = Object.keys(AccessRequest.shape)

/** A request as the API shows it; a column that its writer did not have is null. */
export function accessRequest(kept: NumberedRequest): AccessRequest {
  const shown = Object.fromEntries(columns.map((name) => [name, kept[name] ?? null]))
  return { ...(shown as AccessRequest), at: new Date(shown["at"] as number).toISOString() }
}
