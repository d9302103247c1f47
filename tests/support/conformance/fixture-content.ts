import { type McpServer, ResourceTemplate, completable, fromJsonSchema } from "@modelcontextprotocol/server"
import { z } from "zod"

const png = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR4nGP4z8DwHwAFAAH/iZk9HQAAAABJRU5ErkJggg=="
const wav = "UklGRiQAAABXQVZFZm10IBAAAAABAAEAQB8AAIA+AAACABAAZGF0YQAAAAA="

const text = (value: string) => ({ type: "text" as const, text: value })
const embedded = (uri: string) => ({
  type: "resource" as const,
  resource: { uri, mimeType: "text/plain", text: "Held in the message itself" },
})
const user = <T>(content: T) => ({ role: "user" as const, content })

/** Keywords of JSON Schema 2020-12 that must come out of `tools/list` as they went in. */
const wideSchema = {
  $schema: "https://json-schema.org/draft/2020-12/schema",
  type: "object",
  $defs: {
    address: {
      $anchor: "addressDef",
      type: "object",
      properties: { street: { type: "string" }, city: { type: "string" } },
    },
  },
  properties: {
    name: { type: "string" },
    address: { $ref: "#/$defs/address" },
    contactMethod: { type: "string", enum: ["phone", "email"] },
    phone: { type: "string" },
    email: { type: "string" },
  },
  allOf: [{ anyOf: [{ required: ["phone"] }, { required: ["email"] }] }],
  if: { properties: { contactMethod: { const: "phone" } }, required: ["contactMethod"] },
  // oxlint-disable-next-line unicorn/no-thenable -- a keyword of JSON Schema
  then: { required: ["phone"] },
  else: { required: ["email"] },
  additionalProperties: false,
}

/** Tools whose answers are fixed: the names and contents that the conformance suite asks for. */
export function registerPlainTools(server: McpServer): void {
  const answers = {
    test_simple_text: [text("A plain sentence")],
    test_image_content: [{ type: "image" as const, data: png, mimeType: "image/png" }],
    test_audio_content: [{ type: "audio" as const, data: wav, mimeType: "audio/wav" }],
    test_embedded_resource: [embedded("test://embedded-resource")],
    test_multiple_content_types: [
      text("Three kinds at once"),
      { type: "image" as const, data: png, mimeType: "image/png" },
      embedded("test://mixed-content-resource"),
    ],
  }
  for (const [name, content] of Object.entries(answers))
    server.registerTool(name, { description: "Answers with fixed content" }, () => ({ content }))
  server.registerTool("test_error_handling", { description: "Fails" }, () => {
    throw new Error("This tool intentionally returns an error for testing")
  })
  server.registerTool(
    "json_schema_2020_12_tool",
    { description: "Has a wide schema", inputSchema: fromJsonSchema(wideSchema as never) },
    () => ({ content: [text("taken")] }),
  )
  const region = { type: "string", "x-mcp-header": "Region" }
  const routed = { type: "object", properties: { region }, required: ["region"] }
  server.registerTool(
    "test_parameter_in_header",
    { description: "Mirrors a parameter in a header", inputSchema: fromJsonSchema(routed as never) },
    () => ({ content: [text("taken")] }),
  )
}

export function registerResources(server: McpServer): void {
  const plain = { mimeType: "text/plain", cacheHint: { ttlMs: 60_000, cacheScope: "private" as const } }
  for (const name of ["static-text", "watched-resource"])
    server.registerResource(name, `test://${name}`, plain, ({ href }) => ({
      contents: [{ uri: href, mimeType: "text/plain", text: `What stands in ${name}` }],
    }))
  server.registerResource("static-binary", "test://static-binary", { mimeType: "image/png" }, ({ href }) => ({
    contents: [{ uri: href, mimeType: "image/png", blob: png }],
  }))
  const template = new ResourceTemplate("test://template/{id}/data", { list: undefined })
  server.registerResource("template", template, { mimeType: "application/json" }, ({ href }, { id }) => ({
    contents: [{ uri: href, mimeType: "application/json", text: JSON.stringify({ id, templateTest: true }) }],
  }))
}

export function registerPrompts(server: McpServer): void {
  server.registerPrompt("test_simple_prompt", { description: "Fixed" }, () => ({ messages: [user(text("Fixed"))] }))
  server.registerPrompt("test_prompt_with_image", { description: "An image" }, () => ({
    messages: [user({ type: "image" as const, data: png, mimeType: "image/png" }), user(text("What is this?"))],
  }))
  server.registerPrompt(
    "test_prompt_with_arguments",
    {
      description: "Repeats both arguments",
      argsSchema: z.object({ arg1: completable(z.string(), () => ["one", "two"]), arg2: z.string() }),
    },
    ({ arg1, arg2 }) => ({ messages: [user(text(`arg1='${arg1}', arg2='${arg2}'`))] }),
  )
  server.registerPrompt(
    "test_prompt_with_embedded_resource",
    { description: "A resource", argsSchema: z.object({ resourceUri: z.string() }) },
    ({ resourceUri }) => ({ messages: [user(embedded(resourceUri)), user(text("Read it"))] }),
  )
}
