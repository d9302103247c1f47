/** One row of a list: what a view shows. */
export type Row = Readonly<Record<string, unknown>>

/** Rows under their column names, each column as wide as its widest cell. */
export function table(rows: readonly Row[], names: readonly string[]): string {
  if (rows.length === 0) return ""
  const cells = [names.map((name) => name.toUpperCase()), ...rows.map((row) => names.map((name) => cell(row[name])))]
  const widths = names.map((_, column) => Math.max(...cells.map((line) => line[column]!.length)))
  const padded = (line: readonly string[]) => line.map((text, column) => text.padEnd(widths[column]!)).join("  ")
  return cells.map((line) => `${padded(line).trimEnd()}\n`).join("")
}

/** Rows with every field, as comma-separated values (RFC 4180). */
export function csv(rows: readonly Row[]): string {
  const names = [...new Set(rows.flatMap((row) => Object.keys(row)))]
  const lines = [names, ...rows.map((row) => names.map((name) => csvCell(row[name])))]
  return names.length === 0 ? "" : lines.map((line) => `${line.join(",")}\r\n`).join("")
}

function csvCell(value: unknown): string {
  const text = value === null || value === undefined ? "" : cell(value)
  // A spreadsheet runs what starts like a formula.
  const inert = typeof value === "string" && /^[=+\-@\t]/.test(text) ? `'${text}` : text
  return /[",]/.test(inert) ? `"${inert.replaceAll('"', '""')}"` : inert
}

/** One value on one line. */
export function cell(value: unknown): string {
  return printable(plain(value)).replaceAll(/[\t\n\u2028\u2029]/g, "?")
}

/**
 * Text of several lines. Control characters would let a stored text write to the terminal, and bidirectional ones turn around what
 * stands beside it.
 */
export function printable(text: string): string {
  return text.replaceAll(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g, "?")
}

function plain(value: unknown): string {
  if (value === null || value === undefined) return "-"
  // Nothing and an empty list differ: for a rule about users the one lets everybody pass and the other nobody.
  if (Array.isArray(value)) return value.length === 0 ? "[]" : value.map(plain).join(", ")
  return typeof value === "object" ? JSON.stringify(value) : `${value as string | number | boolean}`
}
