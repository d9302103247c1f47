import { type McpServer, type ServerContext, acceptedContent, inputRequired } from "@modelcontextprotocol/server"
import type { RequestStateCodec } from "@modelcontextprotocol/server"
import { envelope } from "./fixture-calls.ts"

/** What a call keeps with its client between two rounds, signed. */
export interface Round {
  readonly step: string
  readonly name?: unknown
}

const answer = (value: string) => ({ content: [{ type: "text" as const, text: value }] })

const ask = (message: string, field: string, type: "string" | "boolean" = "string") =>
  inputRequired.elicit({
    message,
    requestedSchema: { type: "object", properties: { [field]: { type } }, required: [field] },
  } as never)
const sample = (question: string) =>
  inputRequired.createMessage({
    messages: [{ role: "user", content: { type: "text", text: question } }],
    maxTokens: 50,
  })

const name = ask("What is your name?", "name")
const confirm = ask("Is that right?", "ok", "boolean")

/** Tools and a prompt that need input before they can answer; they run in the stateless protocol. */
export function registerInputTools(server: McpServer, state: RequestStateCodec<Round>): void {
  type Run = (given: Record<string, unknown>, context: ServerContext) => unknown
  const tool = (suffix: string, run: Run) =>
    server.registerTool(`test_input_required_result_${suffix}`, { description: "Needs input" }, (async (
      context: ServerContext,
    ) => run(context.mcpReq.inputResponses ?? {}, context)) as never)
  const round = (context: ServerContext) => context.mcpReq.requestState<Round>()
  const content = (given: Record<string, unknown>, key: string) => acceptedContent(given, key)

  tool("elicitation", (given) => {
    const value = content(given, "user_name")?.["name"]
    return typeof value === "string"
      ? answer(`Hello, ${value}!`)
      : inputRequired({ inputRequests: { user_name: name } })
  })
  tool("sampling", (given) =>
    given["sample_request"] === undefined
      ? inputRequired({ inputRequests: { sample_request: sample("What is the capital of France?") } })
      : answer(`Sampling result: ${JSON.stringify(given["sample_request"])}`),
  )
  tool("list_roots", (given) =>
    given["roots_request"] === undefined
      ? inputRequired({ inputRequests: { roots_request: inputRequired.listRoots() } })
      : answer(`Roots: ${JSON.stringify(given["roots_request"])}`),
  )
  for (const [suffix, words] of [
    ["request_state", "state-ok"],
    ["tampered_state", "integrity-ok"],
  ] as const)
    tool(suffix, async (given, context) =>
      round(context)?.step === suffix && content(given, "confirm") !== undefined
        ? answer(`${words}: the state came back as it went`)
        : inputRequired({ inputRequests: { confirm }, requestState: await state.mint({ step: suffix }) }),
    )
  tool("multiple_inputs", async (given, context) => {
    if (round(context)?.step === "multiple" && Object.keys(given).length === 3)
      return answer(`All three: ${Object.keys(given).join(", ")}`)
    const inputRequests = {
      user_name: name,
      greeting: sample("Generate a greeting"),
      client_roots: inputRequired.listRoots(),
    }
    return inputRequired({ inputRequests, requestState: await state.mint({ step: "multiple" }) })
  })
  tool("multi_round", async (given, context) => {
    const { step, name: known } = round(context) ?? { step: "start" }
    const first = content(given, "step1")
    const second = content(given, "step2")
    if (step === "second" && second !== undefined) return answer(`${String(known)} likes ${String(second["color"])}`)
    if (step === "first" && first !== undefined)
      return inputRequired({
        inputRequests: { step2: ask("What is your favourite colour?", "color") },
        requestState: await state.mint({ step: "second", name: first["name"] }),
      })
    return inputRequired({ inputRequests: { step1: name }, requestState: await state.mint({ step: "first" }) })
  })
  tool("capabilities", async (given, context) => {
    const declared = envelope(context)["io.modelcontextprotocol/clientCapabilities"]
    const { elicitation, sampling } = (declared ?? {}) as { elicitation?: object; sampling?: object }
    const inputRequests = {
      ...(elicitation !== undefined && { elicit_input: ask("A value?", "value") }),
      ...(sampling !== undefined && { sample_input: sample("Anything") }),
    }
    return Object.keys(given).length > 0 || Object.keys(inputRequests).length === 0
      ? answer(`capabilities-ok: ${Object.keys(given).join(", ")}`)
      : inputRequired({ inputRequests, requestState: await state.mint({ step: "capabilities" }) })
  })
  server.registerPrompt("test_input_required_result_prompt", { description: "Needs input" }, (context) => {
    const said = content(context.mcpReq.inputResponses ?? {}, "user_context")?.["context"]
    if (said === undefined)
      return inputRequired({ inputRequests: { user_context: ask("What context should the prompt use?", "context") } })
    return { messages: [{ role: "user", content: { type: "text", text: `Context: ${JSON.stringify(said)}` } }] }
  })
}
