import * as z from "zod"
import { DigestView } from "./digest.ts"
import { endpoint } from "../endpoint.ts"

const rebuild = endpoint({
  method: "POST",
  path: "/api/v1/log/rebuild",
  operationId: "rebuildProjection",
  tag: "log",
  summary: "Fold the log anew on this node, compare with what was there, and go on with what the log says.",
  who: "admin",
  body: z.strictObject({
    projection: z.enum(["world"]).default("world").describe("Every read model of a node is made from this one."),
  }),
  status: 200,
  deadline: 300,
  response: z
    .strictObject({
      projection: z.string(),
      equal: z.boolean().describe("Was this node's state what the log says?"),
      differing: z.array(z.string()).describe("Kinds of objects that were not."),
      digest: DigestView,
    })
    .meta({ id: "Rebuilt" }),
  errors: ["archive_unavailable"],
  async handler({ api, body, signal }) {
    return { body: { projection: body.projection, ...(await api.logTools.rebuild(signal)) } }
  },
})

/** Endpoints about projections. */
export const rebuildEndpoints = [rebuild]
