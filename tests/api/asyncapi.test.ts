import { type ErrorObject } from "ajv"
import Ajv from "ajv"
import addFormats from "ajv-formats"
import { Ajv2020 } from "ajv/dist/2020.js"
import { expect, test } from "vitest"
import { aggregates } from "../../src/events/event.ts"
import { asyncApiDocument } from "../../src/api/asyncapi.ts"
import { eventSchemas } from "../../src/api/event-schemas.ts"
import { eventsVersion } from "../../src/api/endpoints/event-schemas.ts"
import { readFileSync } from "node:fs"
import { runningApi } from "./running-api.ts"
import specs from "@asyncapi/specs"

const document = asyncApiDocument(eventsVersion)

test("The committed document is the one that is served: `just asyncapi > docs/asyncapi.json`", () => {
  const committed: unknown = JSON.parse(readFileSync(new URL("../../docs/asyncapi.json", import.meta.url), "utf8"))
  expect(committed).toEqual(JSON.parse(JSON.stringify(document)))
})

test("It is an AsyncAPI 3 document by AsyncAPI's own schema", () => {
  const ajv = new Ajv.default({ strict: false, allErrors: true, meta: false, validateSchema: false })
  addFormats.default(ajv)
  const validate = ajv.compile(specs.schemas["3.0.0"] as object)
  const problems = (errors: readonly ErrorObject[]) =>
    errors.map(({ instancePath, message }) => `${instancePath} ${message}`)
  validate(document)
  expect(problems(validate.errors ?? []).slice(0, 5)).toEqual([])
  expect(validate({ ...document, channels: { stream: { address: 1 } } })).toBe(false)
})

test("Every reference leads somewhere, and every event type has its message in stream and webhook", () => {
  const text = JSON.stringify(document)
  for (const [, path] of text.matchAll(/"\$ref":"#\/([^"]+)"/g)) {
    const found = path!
      .split("/")
      .reduce<unknown>((at, name) => (at as Record<string, unknown> | undefined)?.[name], document)
    expect(found, path).toBeDefined()
  }
  const types = Object.values(aggregates).flatMap(({ events }) => Object.keys(events))
  expect(eventSchemas().map(({ type }) => type)).toEqual(types)
  expect(new Set(types).size).toBe(types.length)
})

test("What stands in the log is as the schemas say; and they are served to everybody", async () => {
  const api = await runningApi()
  try {
    await api.token("alice")
    const target = { target_url: "http://93.184.216.34", enable_https: false }
    await api.call("POST", "/api/v1/proxy/targets", { hostname: "a.internal", ...target })
    await api.call("PUT", "/api/v1/proxy/targets/a.internal", { custom_headers: { "X-A": "1" } })
    await api.call("POST", "/api/v1/instances", { name: "db", target_url: "http://127.0.0.1:1" })
    await api.call("POST", "/api/v1/webhooks", { name: "w", url: "https://hooks.example.com/" })
    await api.call("DELETE", "/api/v1/tokens/alice")
    const { body } = await api.call<{ schemas: { type: string; version: number; schema: object }[] }>(
      "GET",
      "/api/v1/events/schemas",
      undefined,
      {},
      null,
    )
    const ajv = new Ajv2020({ strict: false })
    addFormats.default(ajv)
    const events = await api.store.read(0, 1000)
    expect(new Set(events.map(({ type }) => type)).size).toBeGreaterThan(5)
    for (const { type, data, schema } of events) {
      const known = body.schemas.find((one) => one.type === type)!
      const validate = ajv.compile(known.schema)
      expect([type, validate(data), validate.errors, known.version]).toEqual([type, true, null, schema])
    }
    expect((await api.call("GET", "/api/v1/asyncapi.json", undefined, {}, null)).body).toMatchObject({
      asyncapi: "3.0.0",
    })
  } finally {
    await api.stop()
  }
})
