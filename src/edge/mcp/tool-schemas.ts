import { type ParamHeader, paramHeaders } from "./param-headers.ts"
import { type BodyFilter, mostHeld, none } from "./body-filter.ts"
import type { Hold } from "./held-bytes.ts"
import { dataOf } from "./event-data.ts"
import { isObject } from "./message.ts"

/** What is known of the tools of each backend: only what a `tools/list` answer said here since this node started. */
export interface ToolSchemas {
  /** @param place the backend; @returns undefined for a tool that was not seen */
  of(place: string, tool: string): readonly ParamHeader[] | undefined
  /** Takes note of the tools in the text of an answer. */
  note(place: string, text: string): void
}

const mostTools = 5000

/** @param places backends remembered; the one that was seen first goes */
export function toolSchemas(places = 1000): ToolSchemas {
  const known = new Map<string, Map<string, readonly ParamHeader[]>>()
  return {
    of: (place, tool) => known.get(place)?.get(tool),
    note(place, text) {
      const tools = known.get(place) ?? new Map<string, readonly ParamHeader[]>()
      for (const { name, inputSchema } of toolsIn(text)) {
        if (tools.size >= mostTools && !tools.has(name)) return
        tools.set(name, paramHeaders(inputSchema))
      }
      if (tools.size === 0) return
      known.delete(place)
      known.set(place, tools)
      if (known.size > places) known.delete(known.keys().next().value!)
    },
  }
}

function toolsIn(text: string): { name: string; inputSchema: unknown }[] {
  if (!text.includes('"tools"')) return []
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return []
  }
  return [value].flat().flatMap((message) => {
    const result = isObject(message) ? message["result"] : undefined
    const tools = isObject(result) && Array.isArray(result["tools"]) ? (result["tools"] as unknown[]) : []
    return tools.flatMap((tool) =>
      isObject(tool) && typeof tool["name"] === "string"
        ? [{ name: tool["name"], inputSchema: tool["inputSchema"] }]
        : [],
    )
  })
}

/** Lets a body pass as it is and shows its text, or the data of each of its events, to somebody; not where there is no room for it. */
export function watched(eventStream: boolean, hold: Hold, see: (text: string) => void): BodyFilter {
  let chunks: Buffer[] | undefined = []
  let length = 0
  return {
    whole: false,
    push(bytes) {
      const copy = Buffer.from(bytes)
      length += copy.length
      if (chunks !== undefined && (length > mostHeld || !hold.take(copy.length))) {
        chunks = undefined
        hold.drop()
      }
      chunks?.push(copy)
      return copy
    },
    end() {
      const text = chunks === undefined ? "" : Buffer.concat(chunks).toString("utf8")
      hold.drop()
      for (const part of eventStream ? dataOf(text) : [text]) see(part)
      return none
    },
  }
}
