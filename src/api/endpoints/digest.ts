import * as z from "zod"
import { digests } from "../../projections/digest.ts"
import { endpoint } from "../endpoint.ts"

const Sha256 = z.string().regex(/^[0-9a-f]{64}$/)

/** A digest as it is answered. */
export const DigestView = z
  .strictObject({ position: z.int(), hash: Sha256, kinds: z.record(z.string(), Sha256) })
  .meta({ id: "Digest" })

const digest = endpoint({
  method: "GET",
  path: "/api/v1/digest",
  operationId: "getDigest",
  tag: "system",
  summary:
    "Show a SHA-256 of this node's state, per kind: equal on every node and after every replay to the same position.",
  who: "admin",
  status: 200,
  response: DigestView,
  handler: ({ api }) => ({ body: digests(api.projections.world) }),
})

/** State of the log as one node sees it. */
export const digestEndpoints = [digest]
