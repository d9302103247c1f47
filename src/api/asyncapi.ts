import { type EventSchema, eventSchemas } from "./event-schemas.ts"
import { EventView } from "../projections/views/event.ts"
import { eventStreamPath, eventsProtocol } from "./event-stream-path.ts"
import { jsonSchema } from "./openapi.ts"

type Json = Record<string, unknown>

const ref = (path: string) => ({ $ref: `#/${path}` })

/**
 * AsyncAPI 3.0 document of the events and of the three ways in which they leave Gatehouse: the stream of the API, webhooks, and
 * the log itself in Redis.
 */
export function asyncApiDocument(version: string): Json {
  const schemas = eventSchemas()
  const messages = (prefix: string) =>
    Object.fromEntries(schemas.map(({ type }) => [type, ref(`components/messages/${prefix}${type}`)]))
  const operation = (channel: string, prefix: string, summary: string) => ({
    action: "send",
    channel: ref(`channels/${channel}`),
    summary,
    messages: schemas.map(({ type }) => ref(`channels/${channel}/messages/${type}`)),
    ...(prefix === "" && { security: [ref("components/securitySchemes/token")] }),
  })
  return {
    asyncapi: "3.0.0",
    info: {
      title: "Gatehouse events",
      version,
      description: "Everything that was changed, in one order. Positions count from 1 without a gap.",
      license: { name: "Apache-2.0" },
    },
    defaultContentType: "application/json",
    servers: {
      api: {
        host: "127.0.0.1:9000",
        protocol: "http",
        description: "Loopback listener of a node; also the admin host.",
      },
      redis: { host: "127.0.0.1:6390", protocol: "redis", description: "The store of the installation." },
    },
    channels: {
      stream: {
        address: eventStreamPath,
        title: "Stream of the API",
        description: `Server-sent events with the position as id; or a WebSocket (subprotocol ${eventsProtocol}) with one text message an event and {"checkpoint": position} in between.`,
        servers: [ref("servers/api")],
        messages: messages(""),
        bindings: { ws: { method: "GET" } },
      },
      webhook: {
        address: null,
        title: "Webhooks",
        description: "POST to the address that a webhook names, signed per Standard Webhooks.",
        messages: messages("Webhook"),
      },
      log: {
        address: "{gh}:events",
        title: "Redis Stream",
        description: "Entries <position>-0. Fields are text; data and meta hold JSON.",
        servers: [ref("servers/redis")],
        messages: { LogEntry: ref("components/messages/LogEntry") },
      },
    },
    operations: {
      followEvents: operation("stream", "", "Events as they happen, from any position."),
      deliverWebhook: operation("webhook", "Webhook", "Events as they happen, at least once and in order."),
      readLog: {
        action: "send",
        channel: ref("channels/log"),
        summary: "The log itself, for consumers with the rights of the installation.",
        messages: [ref("channels/log/messages/LogEntry")],
      },
    },
    components: {
      securitySchemes: { token: { type: "http", scheme: "bearer", description: "An API token." } },
      messages: {
        ...Object.fromEntries(schemas.map((schema) => [schema.type, message(schema)])),
        ...Object.fromEntries(schemas.map((schema) => [`Webhook${schema.type}`, webhookMessage(schema)])),
        LogEntry: { name: "LogEntry", title: "Entry of the log", payload: ref("components/schemas/LogEntry") },
      },
      schemas: {
        Event: eventSchema(),
        LogEntry: logEntry,
        ...Object.fromEntries(schemas.map(({ type, schema }) => [type, schema])),
      },
    },
  }
}

/** What every event says; the schema itself, whichever way its name is written. */
function eventSchema(): Json {
  const whole = jsonSchema(EventView, "output")
  const { id: _, ...schema } = (whole["$defs"] as Record<string, Json> | undefined)?.["Event"] ?? whole
  return schema
}

function eventPayload({ type, version }: EventSchema): Json {
  return {
    allOf: [
      ref("components/schemas/Event"),
      {
        type: "object",
        properties: { type: { const: type }, version: { const: version }, data: ref(`components/schemas/${type}`) },
      },
    ],
  }
}

function message(schema: EventSchema): Json {
  return {
    name: schema.type,
    title: schema.type,
    tags: [{ name: schema.kind }],
    payload: eventPayload(schema),
  }
}

function webhookMessage(schema: EventSchema): Json {
  return {
    name: schema.type,
    title: schema.type,
    tags: [{ name: schema.kind }],
    headers: {
      type: "object",
      required: ["webhook-id", "webhook-timestamp", "webhook-signature"],
      properties: {
        "webhook-id": { type: "string", description: "The same for every attempt at one event." },
        "webhook-timestamp": {
          type: "string",
          pattern: "^\\d+$",
          description: "Seconds since the epoch, of the attempt.",
        },
        "webhook-signature": { type: "string", description: "v1,<base64 of HMAC-SHA256>, one or two between blanks." },
      },
    },
    payload: {
      type: "object",
      required: ["type", "timestamp", "data"],
      properties: {
        type: { const: schema.type },
        timestamp: { type: "string", format: "date-time" },
        data: eventPayload(schema),
      },
    },
  }
}

const json = (description: string) => ({ type: "string", contentMediaType: "application/json", description })

const logEntry: Json = {
  type: "object",
  required: ["kind", "id", "type", "schema", "data", "meta", "hash"],
  properties: {
    kind: { type: "string", description: "Kind of the aggregate." },
    id: { type: "string", description: "The aggregate within its kind." },
    type: { type: "string", description: "Type of the event." },
    schema: { type: "string", pattern: "^\\d+$", description: "Version of the data's schema." },
    data: json("By the schema of its type."),
    meta: json(
      "actor {name, admin, token?}, command_id, command, correlation_id, at; where there are: ip, request_id, causation, owners.",
    ),
    hash: { type: "string", pattern: "^[0-9a-f]{64}$", description: "Chain hash: SHA-256 over everything up to here." },
  },
}
