import { type Schema, type Schemas, schemaRows, typeOf } from "./schema-rows.ts"
import { apiVersion, endpoints } from "../../src/api/endpoint-table.ts"
import { code, generatedPage, markdownTable, prose } from "./markdown.ts"
import { catalogue } from "../../src/errors.ts"
import { errorCodes, openApiDocument } from "../../src/api/openapi.ts"

interface Parameter {
  readonly name: string
  readonly in: string
  readonly required: boolean
  readonly description?: string
  readonly schema: Schema
}

interface Operation {
  readonly operationId: string
  readonly summary: string
  readonly description: string
  readonly tags: readonly string[]
  readonly parameters: readonly Parameter[]
  readonly requestBody?: { readonly content: Readonly<Record<string, { readonly schema: Schema }>> }
  readonly responses: Readonly<
    Record<string, { readonly description: string; readonly content?: Readonly<Record<string, { schema: Schema }>> }>
  >
}

interface Listed {
  readonly method: string
  readonly path: string
  readonly operation: Operation
}

const source = "the endpoint table"

/** Pages of the REST reference by file name: an index, and one for each tag with a section for each operation. */
export function apiPages(): Map<string, string> {
  const document = openApiDocument(endpoints, apiVersion) as {
    paths: Record<string, Record<string, Operation>>
    components: { schemas: Schemas }
  }
  const listed = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ method: method.toUpperCase(), path, operation })),
  )
  const tags = [...Map.groupBy(listed, ({ operation }) => operation.tags[0]!)]
  return new Map([
    ["index.md", indexPage(tags)],
    ...tags.map(([tag, members]) => [`${tag}.md`, tagPage(tag, members, document.components.schemas)] as const),
  ])
}

function indexPage(tags: readonly (readonly [string, readonly Listed[]])[]): string {
  return generatedPage("REST API", source, [
    "The same as an [OpenAPI 3.1 document](https://github.com/OAI/OpenAPI-Specification) is served at `/api/v1/openapi.json`;\n" +
      "a page to read and try it at `/api`. What holds for every operation: [Command line and API](../../command-line-and-api.md).",
    ...tags.flatMap(([tag, members]) => [
      `## ${title(tag)}`,
      markdownTable(
        ["operation", "", "what it does"],
        members.map(({ method, path, operation }) => [
          `[${operation.operationId}](./${tag}.md#${operation.operationId.toLowerCase()})`,
          code(`${method} ${path}`),
          prose(operation.summary),
        ]),
      ),
    ]),
  ])
}

function title(tag: string): string {
  return tag.charAt(0).toUpperCase() + tag.slice(1)
}

function tagPage(tag: string, members: readonly Listed[], schemas: Schemas): string {
  return generatedPage(
    `REST API: ${tag}`,
    source,
    members.flatMap((listed) => section(listed, schemas)),
  )
}

function section({ method, path, operation }: Listed, schemas: Schemas): string[] {
  const { operationId, summary, description, parameters, requestBody, responses } = operation
  const body = requestBody?.content["application/json"]?.schema
  const [status, success] = Object.entries(responses).findLast(([name]) => name.startsWith("2"))!
  const answer = success.content === undefined ? undefined : Object.values(success.content)[0]?.schema
  return [
    `## ${operationId}`,
    code(`${method} ${path}`),
    prose(`${summary} ${description}`),
    ...table(
      "Parameters",
      ["name", "in", "type", "meaning"],
      parameters.map((parameter) => parameterRow(parameter, schemas)),
    ),
    ...table("Body", ["field", "type", "meaning"], body === undefined ? [] : schemaRows(body, schemas)),
    ...table(`Answer ${status}`, ["field", "type", "meaning"], answer === undefined ? [] : schemaRows(answer, schemas)),
    `Errors: ${errorsOf(operationId)}`,
  ]
}

function table(name: string, head: readonly string[], rows: readonly (readonly string[])[]): string[] {
  return rows.length === 0 ? [] : [`**${name}**`, markdownTable(head, rows)]
}

function parameterRow({ name, in: place, required, schema, description = "" }: Parameter, schemas: Schemas): string[] {
  const fallback = schema.default === undefined ? "" : ` Default \`${JSON.stringify(schema.default)}\`.`
  return [
    `${code(name)}${required ? "" : " (optional)"}`,
    place,
    code(typeOf(schema, schemas)),
    prose((description + fallback).trim()),
  ]
}

function errorsOf(operationId: string): string {
  const endpoint = endpoints.find((candidate) => candidate.operationId === operationId)!
  return errorCodes(endpoint)
    .map((name) => `${code(name)} ${catalogue[name].status}`)
    .join(", ")
}
