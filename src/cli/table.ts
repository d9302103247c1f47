type Row = Readonly<Record<string, unknown>>

/** Columns that a list shows on a terminal, where it has them; a list without any shows its plain fields. */
const columns = [
  "position", "token", "name", "cert_name", "hostname", "type", "aggregate", "domains", "target_url", "status", "environment",
  "enabled", "auth_enabled", "mcp_enabled", "certificate_status", "owner", "actor", "at", "cert_email", "token_preview",
  "certificate_count", "proxy_count", "is_admin", "expires_at", "attached_to", "action", "match", "attached",
] // prettier-ignore

/** An answer for people: lists as tables, objects as lines of field and value. */
export function readable(body: Row): string {
  const list = Object.entries(body).find(
    ([name, value]) => name !== "errors" && isRows(value) && ("pagination" in body || Object.keys(body).length === 1),
  )
  if (list === undefined) return fields(body)
  const rows = list[1] as Row[]
  return rows.length === 0 ? `no ${list[0]}\n` : table(rows)
}

function isRows(value: unknown): boolean {
  return Array.isArray(value) && value.every((item) => typeof item === "object" && item !== null)
}

/** Rows under their column names, each column as wide as its widest cell. */
export function table(rows: readonly Row[]): string {
  const known = columns.filter((name) => rows.some((row) => name in row))
  const names = known.length > 0 ? known : Object.keys(rows[0]!)
  const cells = [names.map((name) => name.toUpperCase()), ...rows.map((row) => names.map((name) => cell(row[name])))]
  const widths = names.map((_, column) => Math.max(...cells.map((line) => line[column]!.length)))
  return (
    cells
      .map((line) =>
        line
          .map((text, column) => text.padEnd(widths[column]!))
          .join("  ")
          .trimEnd(),
      )
      .join("\n") + "\n"
  )
}

function fields(body: Row, indent = ""): string {
  const width = Math.max(0, ...Object.keys(body).map((name) => name.length))
  return Object.entries(body)
    .map(([name, value]) => {
      if (isRecord(value)) return `${indent}${name}:\n${fields(value, `${indent}  `)}`
      const text =
        typeof value === "string" && value.includes("\n")
          ? ["", ...value.trimEnd().split("\n").map(cell)].join("\n")
          : cell(value)
      return `${indent}${`${name}:`.padEnd(width + 1)} ${text}`.trimEnd() + "\n"
    })
    .join("")
}

function isRecord(value: unknown): value is Row {
  return typeof value === "object" && value !== null && !Array.isArray(value) && Object.keys(value).length > 0
}

/** One value on one line. Control characters would let a stored text write to the terminal. */
function cell(value: unknown): string {
  return plain(value).replaceAll(/[\u0000-\u001f\u007f-\u009f]/g, "?")
}

function plain(value: unknown): string {
  if (value === null || value === undefined) return "-"
  if (Array.isArray(value)) return value.length === 0 ? "-" : value.map(plain).join(", ")
  return typeof value === "object" ? JSON.stringify(value) : `${value as string | number | boolean}`
}
