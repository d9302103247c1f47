import { listColumns } from "../api/list-columns.ts"
import { type Row, cell, table } from "../api/rows.ts"

/** An answer for people: lists as tables, objects as lines of field and value. */
export function readable(body: Row): string {
  const isList = "pagination" in body || Object.keys(body).length === 1
  const list = isList ? Object.entries(body).find(([, value]) => isRows(value)) : undefined
  if (list === undefined) return fields(body)
  const rows = list[1] as readonly Row[]
  return rows.length === 0 ? `no ${list[0]}\n` : table(rows, listColumns(list[0], rows))
}

function rowsOf(name: string, rows: readonly Row[], indent: string): string {
  return table(rows, listColumns(name, rows)).replaceAll(/^(?=.)/gm, indent)
}

function isRows(value: unknown): value is readonly Row[] {
  return Array.isArray(value) && value.every((item) => typeof item === "object" && item !== null)
}

/** What a thing is called, as far as its fields are named so; stands before everything else about it. */
const names = ["hostname", "service_name", "route_id", "cert_name", "uri", "client_id", "session_id", "jti", "name"]

function ordered(body: Row): [string, unknown][] {
  // A message is a sentence about what follows it.
  const first = "message" in body ? undefined : names.find((name) => typeof body[name] === "string")
  const entries = Object.entries(body)
  return first === undefined ? entries : [[first, body[first]], ...entries.filter(([name]) => name !== first)]
}

function fields(body: Row, indent = ""): string {
  const width = Math.max(0, ...Object.keys(body).map((name) => name.length))
  return ordered(body)
    .map(([name, value]) => {
      if (isRows(value) && value.length > 0) return `${indent}${name}:\n${rowsOf(name, value, `${indent}  `)}`
      if (isRecord(value)) return `${indent}${name}:\n${fields(value, `${indent}  `)}`
      const text = typeof value === "string" && value.includes("\n") ? lines(value) : cell(value)
      return `${`${indent}${`${name}:`.padEnd(width + 1)} ${text}`.trimEnd()}\n`
    })
    .join("")
}

function lines(text: string): string {
  return ["", ...text.trimEnd().split("\n").map(cell)].join("\n")
}

function isRecord(value: unknown): value is Row {
  return typeof value === "object" && value !== null && !Array.isArray(value) && Object.keys(value).length > 0
}
