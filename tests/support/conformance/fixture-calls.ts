import { type McpServer, type ServerContext, type ServerNotifier, inputRequired } from "@modelcontextprotocol/server"
import { setTimeout as delay } from "node:timers/promises"
import { z } from "zod"

const answer = (value: string) => ({ content: [{ type: "text" as const, text: value }] })

/** What stands in `_meta` of a request of the stateless protocol. */
export const envelope = (context: ServerContext) => (context.mcpReq.envelope ?? {}) as Record<string, unknown>

const form = (properties: Record<string, object>) => ({
  message: "Fill this in",
  requestedSchema: { type: "object", properties },
})

// On the stream of the call; `elicitInput` takes the session's other stream, which may not be open yet.
const elicit = (context: ServerContext, params: Record<string, unknown>) =>
  context.mcpReq.send({ method: "elicitation/create", params })

const titles = (word: string) =>
  ["First", "Second", "Third"].map((nth, index) => ({ const: `value${index + 1}`, title: `${nth} ${word}` }))
const values = (word: string) => [1, 2, 3].map((nth) => `${word}${nth}`)

const fieldsWithDefaults = {
  name: { type: "string", default: "John Doe" },
  age: { type: "integer", default: 30 },
  score: { type: "number", default: 95.5 },
  status: { type: "string", enum: ["active", "inactive", "pending"], default: "active" },
  verified: { type: "boolean", default: true },
}

const fieldsWithChoices = {
  untitledSingle: { type: "string", enum: values("option") },
  titledSingle: { type: "string", oneOf: titles("Option") },
  legacyEnum: { type: "string", enum: values("opt"), enumNames: ["Option One", "Option Two", "Option Three"] },
  untitledMulti: { type: "array", minItems: 1, maxItems: 3, items: { type: "string", enum: values("option") } },
  titledMulti: { type: "array", minItems: 1, maxItems: 3, items: { anyOf: titles("Choice") } },
}

/** Tools that talk to their client while they run: progress, log lines, requests of the server. */
export function registerTalkingTools(server: McpServer): void {
  const named = (name: string) => [name, { description: "Talks while it runs" }] as const
  server.registerTool(...named("test_tool_with_logging"), async (context) => {
    for (const data of ["Tool execution started", "Tool processing data", "Tool execution completed"]) {
      await context.mcpReq.log("info", data)
      await delay(20)
    }
    return answer("Logged")
  })
  server.registerTool(...named("test_tool_with_progress"), async (context) => {
    const progressToken = context.mcpReq["_meta"]?.progressToken ?? 0
    for (const progress of [0, 50, 100]) {
      await context.mcpReq.notify({ method: "notifications/progress", params: { progressToken, progress, total: 100 } })
      await delay(20)
    }
    return answer(String(progressToken))
  })
  server.registerTool(
    "test_sampling",
    { description: "Asks the client's model", inputSchema: z.object({ prompt: z.string() }) },
    async ({ prompt }, context) => {
      const messages = [{ role: "user" as const, content: { type: "text" as const, text: prompt } }]
      const { content } = await context.mcpReq.send({
        method: "sampling/createMessage",
        params: { messages, maxTokens: 100 },
      })
      return answer(`LLM response: ${JSON.stringify(content)}`)
    },
  )
  server.registerTool(
    "test_elicitation",
    { description: "Asks the person", inputSchema: z.object({ message: z.string() }) },
    async ({ message }, context) => {
      const requestedSchema = { type: "object", properties: { response: { type: "string" } }, required: ["response"] }
      const got = await elicit(context, { message, requestedSchema })
      return answer(`User response: action=${got.action}, content=${JSON.stringify(got.content)}`)
    },
  )
  for (const [name, fields] of [
    ["test_elicitation_sep1034_defaults", fieldsWithDefaults],
    ["test_elicitation_sep1330_enums", fieldsWithChoices],
  ] as const)
    server.registerTool(...named(name), async (context) => {
      const got = await elicit(context, form(fields))
      return answer(`Elicitation completed: action=${got.action}, content=${JSON.stringify(got.content)}`)
    })
}

/** What the suite uses to look at streams and capabilities of the stateless protocol. */
export function registerDiagnosticTools(server: McpServer, notify: ServerNotifier): void {
  const named = (name: string) => [name, { description: "For the suite" }] as const
  // The SDK itself refuses to ask a client for what that did not declare.
  const sampled = inputRequired({
    inputRequests: { model: inputRequired.createMessage({ messages: [], maxTokens: 1 }) },
  })
  server.registerTool(...named("test_missing_capability"), () => sampled)
  server.registerTool(...named("test_streaming_elicitation"), async (context) => {
    const progressToken = context.mcpReq["_meta"]?.progressToken ?? "none"
    await context.mcpReq.notify({
      method: "notifications/progress",
      params: { progressToken, progress: 50, total: 100 },
    })
    return answer("Streamed")
  })
  server.registerTool(...named("test_logging_tool"), async (context) => {
    if (envelope(context)["io.modelcontextprotocol/logLevel"] !== undefined)
      await context.mcpReq.log("info", "Asked for")
    return answer("Logged where that was asked for")
  })
  server.registerTool(...named("test_trigger_tool_change"), () => {
    notify.toolsChanged()
    return answer("Told")
  })
  server.registerTool(...named("test_trigger_prompt_change"), () => {
    notify.promptsChanged()
    return answer("Told")
  })
}
