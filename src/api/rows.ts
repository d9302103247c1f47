/** One row of a list: what a view shows. */
export type Row = Readonly<Record<string, unknown>>

/** Columns that a list shows to people, where it has them. */
const columns = [
  "position",
  "token",
  "name",
  "route_id",
  "uri",
  "service_name",
  "cert_name",
  "hostname",
  "step",
  "client_id",
  "client_name",
  "kind",
  "session_id",
  "jti",
  "user",
  "type",
  "aggregate",
  "domains",
  "target_url",
  "path_pattern",
  "methods",
  "priority",
  "target_type",
  "target_value",
  "scope",
  "proxy_hostnames",
  "proxy_target",
  "scopes",
  "image",
  "allocated_port",
  "status",
  "environment",
  "enabled",
  "auth_enabled",
  "mcp_enabled",
  "certificate_status",
  "words",
  "is_active",
  "token_count",
  "active_tokens",
  "active_sessions",
  "recent_auth_failures",
  "last_auth_success",
  "last_used_at",
  "last_activity",
  "accessed_proxies",
  "owner",
  "actor",
  "at",
  "cert_email",
  "token_preview",
  "certificate_count",
  "proxy_count",
  "is_admin",
  "expires_at",
  "attached_to",
  "action",
  "match",
  "attached",
]

/** Services have fields that say something else in other lists. */
const serviceColumns = ["service_name", "image", "status", "health", "allocated_port", "proxies", "owner"]

/**
 * Rows under their column names, each column as wide as its widest cell.
 * @param wanted columns; those that lists show to people when left out
 */
export function table(rows: readonly Row[], wanted?: readonly string[]): string {
  if (rows.length === 0) return ""
  const usual = rows.every((row) => "service_name" in row && "image" in row) ? serviceColumns : columns
  const known = wanted ?? usual.filter((name) => rows.some((row) => name in row))
  const names = known.length > 0 ? known : Object.keys(rows[0]!)
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

/**
 * One value on one line. Control characters would let a stored text write to the terminal, and bidirectional ones turn around what
 * stands beside it.
 */
export function cell(value: unknown): string {
  return plain(value).replaceAll(/[\u0000-\u001f\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069]/g, "?")
}

function plain(value: unknown): string {
  if (value === null || value === undefined) return "-"
  // Nothing and an empty list differ: for a rule about users the one lets everybody pass and the other nobody.
  if (Array.isArray(value)) return value.length === 0 ? "[]" : value.map(plain).join(", ")
  return typeof value === "object" ? JSON.stringify(value) : `${value as string | number | boolean}`
}
