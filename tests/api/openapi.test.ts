import { Ajv2020 } from "ajv/dist/2020.js"
import addFormats from "ajv-formats"
import { describe, expect, test } from "vitest"
import { apiVersion, endpoints } from "../../src/api/endpoint-table.ts"
import { catalogue } from "../../src/errors.ts"
import { openApiDocument } from "../../src/api/openapi.ts"
import { readFileSync } from "node:fs"

type Operation = {
  operationId: string
  parameters: { name: string; in: string; required: boolean }[]
  responses: Record<string, { description: string; content?: Record<string, { schema: unknown }> }>
}
const document = openApiDocument(endpoints, apiVersion) as {
  paths: Record<string, Record<string, Operation>>
  components: { schemas: Record<string, unknown> }
}
const operations = Object.values(document.paths).flatMap((methods) => Object.values(methods))

describe("the OpenAPI document", () => {
  test("is the one that is committed: `just openapi > docs/openapi.json`", () => {
    const committed: unknown = JSON.parse(readFileSync(new URL("../../docs/openapi.json", import.meta.url), "utf8"))
    expect(committed).toEqual(JSON.parse(JSON.stringify(document)))
  })

  test.each(["getOpenApi", "getAsyncApi", "listEventSchemas"])(
    "is made once, however often it is asked for: %s",
    async (operationId) => {
      const { handler } = endpoints.find((endpoint) => endpoint.operationId === operationId)!
      const [first, second] = [await handler({} as never), await handler({} as never)]
      expect(second.body).toBe(first.body)
    },
  )

  test("has no schema that a strict validator does not know the words of", () => {
    const ajv = new Ajv2020({ strictTypes: false, strictTuples: false })
    addFormats.default(ajv)
    ajv.addVocabulary(["openapi", "info", "servers", "security", "paths", "components"])
    ajv.addSchema(document, "openapi")
    for (const name of Object.keys(document.components.schemas))
      expect(ajv.getSchema(`openapi#/components/schemas/${name}`), name).toBeTypeOf("function")
  })

  test("has every endpoint once, under an operation id of its own", () => {
    expect(operations).toHaveLength(endpoints.length)
    expect(new Set(operations.map(({ operationId }) => operationId)).size).toBe(endpoints.length)
    for (const { method, path } of endpoints)
      expect(document.paths[path]?.[method.toLowerCase()], `${method} ${path}`).toBeDefined()
  })

  test("says what each of its named schemas is, and not only their names", () => {
    const own = ([name, schema]: [string, unknown]) =>
      (schema as { $ref?: string }).$ref === `#/components/schemas/${name}`
    expect(Object.entries(document.components.schemas).filter(own)).toEqual([])
  })

  test("declares every parameter of every path", () => {
    for (const [path, methods] of Object.entries(document.paths))
      for (const { parameters, operationId } of Object.values(methods)) {
        const inPath = parameters.filter((parameter) => parameter.in === "path")
        expect(
          inPath.map(({ name }) => `{${name}}`),
          operationId,
        ).toEqual(path.match(/\{\w+\}/g) ?? [])
        expect(inPath.every(({ required }) => required)).toBe(true)
      }
  })

  test("refers only to schemas that it has", () => {
    const references = [...JSON.stringify(document).matchAll(/"\$ref":"([^"]+)"/g)].map((match) => match[1]!)
    expect(references.length).toBeGreaterThan(50)
    for (const reference of references) {
      expect(reference).toMatch(/^#\/components\/schemas\/\w+$/)
      expect(document.components.schemas).toHaveProperty(reference.split("/").at(-1)!)
    }
  })

  test("lists each error under the status that the catalogue gives it", () => {
    for (const { responses } of operations)
      for (const [status, { description }] of Object.entries(responses))
        for (const [, code] of description.matchAll(/`(\w+)`/g))
          expect(catalogue[code as keyof typeof catalogue].status, code).toBe(Number(status))
  })
})

test("every endpoint of the specification that this surface has so far is in the table", () => {
  const known = new Set(endpoints.map(({ method, path }) => `${method} ${path}`))
  const specified = [
    "GET /api/v1/tokens", "POST /api/v1/tokens", "POST /api/v1/tokens/generate", "PUT /api/v1/tokens/email",
    "GET /api/v1/tokens/info", "GET /api/v1/tokens/{name}", "GET /api/v1/tokens/{name}/reveal", "DELETE /api/v1/tokens/{name}",
    "GET /api/v1/certificates", "POST /api/v1/certificates", "POST /api/v1/certificates/multi-domain",
    "GET /api/v1/certificates/{cert_name}", "DELETE /api/v1/certificates/{cert_name}",
    "GET /api/v1/certificates/{cert_name}/status", "POST /api/v1/certificates/{cert_name}/renew",
    "GET /api/v1/proxy/targets", "POST /api/v1/proxy/targets", "GET /api/v1/proxy/targets/{hostname}",
    "PUT /api/v1/proxy/targets/{hostname}", "DELETE /api/v1/proxy/targets/{hostname}",
    ...["auth", "mcp"].flatMap((part) => ["GET", "POST", "DELETE"].map((method) => `${method} /api/v1/proxy/targets/{hostname}/${part}`)),
    "GET /api/v1/oauth/clients", "GET /api/v1/oauth/clients/{client_id}", "GET /api/v1/oauth/clients/{client_id}/tokens",
    "GET /api/v1/oauth/tokens", "GET /api/v1/oauth/tokens/{jti}", "GET /api/v1/oauth/sessions",
    "GET /api/v1/oauth/sessions/{session_id}", "DELETE /api/v1/oauth/sessions/{session_id}", "GET /api/v1/oauth/metrics",
    "GET /api/v1/oauth/health", "GET /api/v1/oauth/proxies", "GET /api/v1/oauth/proxies/{hostname}/sessions",
    "GET /health",
  ] // prettier-ignore
  expect(specified.filter((entry) => !known.has(entry))).toEqual([])
})
