import * as z from "zod"
import { endpoint } from "../endpoint.ts"
import { asyncApiDocument } from "../asyncapi.ts"
import { eventSchemas } from "../event-schemas.ts"
import { once } from "../once.ts"

const tag = "events"
const everySchema = once(() => ({ schemas: eventSchemas() }))
const document = once(() => asyncApiDocument(eventsVersion))

const schemas = endpoint({
  method: "GET",
  path: "/api/v1/events/schemas",
  operationId: "listEventSchemas",
  tag,
  summary: "JSON Schema of the data of every event type.",
  who: "public",
  status: 200,
  response: z.strictObject({
    schemas: z.array(
      z.strictObject({
        type: z.string(),
        kind: z.string(),
        version: z.int(),
        schema: z.record(z.string(), z.unknown()).describe("JSON Schema, 2020-12."),
      }),
    ),
  }),
  handler: () => ({ body: everySchema() }),
})

/** Version of the events' description: raised when something is added, in its first place when something is taken away. */
export const eventsVersion = "1.0.0"

const asyncApi = endpoint({
  method: "GET",
  path: "/api/v1/asyncapi.json",
  operationId: "getAsyncApi",
  tag,
  summary: "The events, and the ways in which they leave Gatehouse, as an AsyncAPI 3 document.",
  who: "public",
  status: 200,
  response: z.record(z.string(), z.unknown()),
  handler: () => ({ body: document() }),
})

/** Endpoints that describe events. */
export const eventSchemaEndpoints = [schemas, asyncApi]
