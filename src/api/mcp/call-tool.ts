import { type Arguments, restRequest } from "./rest-request.ts"
import type { Caller } from "../caller.ts"
import type { Endpoint } from "../endpoint.ts"
import { type Tool, fieldsOf, mayUse } from "./tool.ts"
import type { CallToolResult } from "@modelcontextprotocol/server"
import { GatehouseError } from "../../errors.ts"

/** Where a tool's call goes. */
export interface Destination {
  readonly caller: Caller
  readonly endpoints: readonly Endpoint[]
  /** Answers a request as if it had come over REST: authenticated, counted, validated, decided and recorded the same way. */
  readonly rest: (endpoint: Endpoint, request: ReturnType<typeof restRequest>) => Promise<Response>
}

const unchanged = "Nothing was changed. Call again with the same arguments and confirm: true to do it."

/**
 * Calls the tool's operation; for what removes something, and without `confirm: true`, only its plan.
 * @returns the operation's answer, or its problem document as an error
 * @throws GatehouseError for what is refused before it becomes a request
 */
export async function callTool(tool: Tool, args: Arguments, destination: Destination): Promise<CallToolResult> {
  if (!mayUse(tool, destination.caller)) throw new GatehouseError("admin_required")
  const { confirm = false, ...rest } = args
  const { reveals, streams } = tool.endpoint
  for (const flag of [reveals, streams])
    if (flag !== undefined && Object.hasOwn(rest, flag)) throw refused(flag, "is not known here")
  if (tool.first === undefined) return send(tool.endpoint, args, destination)
  if (typeof confirm !== "boolean") throw refused("confirm", "must be true or false")
  switch (tool.first) {
    case "dry-run": {
      const dry_run = !confirm || (rest["dry_run"] ?? false) !== false
      const answer = await send(tool.endpoint, { ...rest, dry_run }, destination)
      return dry_run ? asPlan(answer) : answer
    }
    case "read":
      return confirm ? send(tool.endpoint, rest, destination) : asPlan(await readFirst(tool, rest, destination))
    case "refuse":
      if (!confirm) throw new GatehouseError("confirmation_required")
      return send(tool.endpoint, { ...rest, [tool.reveals!]: true }, destination)
  }
}

function refused(path: string, message: string): GatehouseError {
  return new GatehouseError("validation_failed", `${path} ${message}`, { errors: [{ path, message }] })
}

/** The object that a deletion would remove, as the same path shows it. */
async function readFirst(tool: Tool, args: Arguments, destination: Destination): Promise<CallToolResult> {
  const { path, params } = tool.endpoint
  const shown = destination.endpoints.find((endpoint) => endpoint.method === "GET" && endpoint.path === path)
  if (shown === undefined) throw new GatehouseError("confirmation_required")
  const names = Object.keys(fieldsOf(params))
  return send(shown, Object.fromEntries(names.map((name) => [name, args[name]])), destination)
}

function asPlan(answer: CallToolResult): CallToolResult {
  if (answer.isError === true) return answer
  return { ...answer, ...result({ confirmed: false, note: unchanged, plan: answer.structuredContent ?? null }) }
}

async function send(endpoint: Endpoint, args: Arguments, { rest }: Destination): Promise<CallToolResult> {
  return toResult(await rest(endpoint, restRequest(endpoint, args)))
}

/** A REST answer as a tool's result; a problem document as its error. */
export async function toResult(response: Response): Promise<CallToolResult> {
  const text = await response.text()
  const { headers, ok, status } = response
  const meta = {
    status,
    ...(headers.has("x-event-position") && { event_position: Number(headers.get("x-event-position")) }),
    ...(headers.has("etag") && { version: Number.parseInt(headers.get("etag")!.slice(1), 10) }),
  }
  if (!/json/.test(headers.get("content-type") ?? ""))
    return { content: [{ type: "text", text: text === "" ? "Done." : text }], _meta: meta }
  return { ...result(JSON.parse(text)), _meta: meta, ...(!ok && { isError: true }) }
}

/** A value as structured content, and as text for clients that do not know it. */
function result(value: unknown): Pick<CallToolResult, "content" | "structuredContent"> {
  const isObject = typeof value === "object" && value !== null && !Array.isArray(value)
  const content = [{ type: "text" as const, text: JSON.stringify(value, undefined, 2) }]
  return isObject ? { content, structuredContent: value } : { content }
}
