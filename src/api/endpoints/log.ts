import * as z from "zod"
import { endpoint } from "../endpoint.ts"
import { verifyLog } from "../../projections/verification.ts"

const tag = "log"

const VerificationView = z
  .strictObject({
    ok: z.boolean(),
    verified: z.strictObject({ position: z.int(), hash: z.string() }).describe("End of the part that is whole."),
    events: z.int(),
    commands: z.int(),
    untraced: z.int().describe("Commands without events from before outcomes were kept for good."),
    problem: z
      .strictObject({
        position: z.int().nullable().describe("First bad position; null for a command without an outcome."),
        code: z.string(),
        detail: z.string(),
      })
      .nullable(),
  })
  .meta({ id: "LogVerification" })

const verify = endpoint({
  method: "GET",
  path: "/api/v1/log/verify",
  operationId: "verifyLog",
  tag,
  summary:
    "Check the whole log: positions without a gap, hash chain, for every event its command, for every command its outcome.",
  who: "admin",
  status: 200,
  deadline: 600,
  response: VerificationView,
  async handler({ api, signal }) {
    const found = await verifyLog({ store: api.store, trail: api.logTools.trail, signal })
    return { body: { ok: found.problem === null, ...found } }
  },
})

const Sizes = z.strictObject({
  events: z.int(),
  commands: z.int(),
  decisions: z.int(),
  outcomes: z.int(),
  dead_letters: z.int(),
})

const stats = endpoint({
  method: "GET",
  path: "/api/v1/log/stats",
  operationId: "getLogStats",
  tag,
  summary: "Show how large the log is, what it holds in Redis, and who reads it.",
  who: "admin",
  status: 200,
  response: z
    .strictObject({
      position: z.int(),
      hash: z.string(),
      first: z.int().describe("First position that stands in Redis; those before are in the archive."),
      last: z.int(),
      entries: Sizes,
      bytes: Sizes.describe("Of Redis' memory, about."),
      memory: z.int().describe("Bytes that Redis uses in all."),
      unerased: z.int().describe("Destroyed secrets that are still in the append-only file; it is rewritten soon."),
      objects: z.record(z.string(), z.int()),
      groups: z.array(
        z.strictObject({
          group: z.string(),
          consumers: z.int(),
          pending: z.int(),
          position: z.int(),
          oldest_pending: z.int().nullable(),
        }),
      ),
    })
    .meta({ id: "LogStats" }),
  async handler({ api }) {
    const { position, hash, objects } = api.projections.world
    const counts = Object.fromEntries(Object.entries(objects).map(([kind, states]) => [kind, states.size]))
    return { body: { position, hash, ...(await api.logTools.facts()), objects: counts } }
  },
})

/** Endpoints about the log as a whole. */
export const logEndpoints = [verify, stats]
