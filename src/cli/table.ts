import { listColumns } from "../api/list-columns.ts"
import { type Row, cell, table } from "../api/rows.ts"

/** An answer for people: lists as tables, objects as lines of field and value. */
export function readable(body: Row): string {
  const isList = "pagination" in body || Object.keys(body).length === 1
  const list = isList ? Object.entries(body).find(([, value]) => isRows(value)) : undefined
  if (list === undefined) return fields(body)
  const rows = list[1] as Row[]
  return rows.length === 0 ? `no ${list[0]}\n` : table(rows, listColumns(list[0], rows))
}

function isRows(value: unknown): boolean {
  return Array.isArray(value) && value.every((item) => typeof item === "object" && item !== null)
}

function fields(body: Row, indent = ""): string {
  const width = Math.max(0, ...Object.keys(body).map((name) => name.length))
  return Object.entries(body)
    .map(([name, value]) => {
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
