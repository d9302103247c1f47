/**
 * What a list shows to people, in the order in which one reads it: what a thing is called, whether it works, what it does, whose it
 * is. By the name of the list in its answer; where two answers share one, each shows what it has.
 */
const columns: Readonly<Record<string, readonly string[]>> = {
  tokens: [
    ...["name", "is_admin", "cert_email", "certificate_count", "proxy_count", "service_count", "route_count"],
    ...["token_preview", "created_at"],
    ...["jti", "type", "status", "user", "client_id", "scope", "last_used_at", "expires_at"],
  ],
  certificates: [
    ...["token", "cert_name", "status", "environment", "issuer", "domains", "expires_at", "attached_to", "owner"],
  ],
  targets: [
    "hostname",
    "enabled",
    "target_url",
    "cert_name",
    "certificate_status",
    "auth_mode",
    "mcp_enabled",
    "owner",
  ],
  proxies: [
    ...["hostname", "enabled", "target_url", "cert_name", "environment"],
    ...["auth_enabled", "auth_mode", "auth_proxy", "active_sessions", "recent_auth_failures", "last_auth_success"],
  ],
  routes: [
    ...["route_id", "enabled", "priority", "methods", "path_pattern", "is_regex", "target_type", "target_value"],
    ...["scope", "proxy_hostnames", "owner"],
  ],
  applicable_routes: [
    "route_id",
    "priority",
    "methods",
    "path_pattern",
    "is_regex",
    "target_type",
    "target_value",
    "scope",
  ],
  instances: ["name", "target_url", "description", "owner", "created_at"],
  resources: ["uri", "name", "proxy_target", "scopes", "auto", "owner"],
  services: ["service_name", "status", "health", "image", "allocated_port", "proxies", "owner"],
  clients: ["client_id", "client_name", "kind", "is_active", "token_count", "last_used_at", "expires_at", "owner"],
  sessions: [
    ...["session_id", "user", "email", "client_name", "kind", "active_tokens", "accessed_proxies"],
    ...["created", "last_activity"],
  ],
  keys: ["kid", "algorithm", "status", "activates_at", "retires_at"],
  events: ["position", "at", "type", "aggregate", "actor", "reason"],
  requests: [
    ...["number", "at", "client", "method", "host", "path", "status", "bytes", "duration_ms"],
    ...["reason", "subject", "client_id", "mcp"],
  ],
  entries: ["at", "status", "actor", "command", "objects", "position", "code", "ip"],
  schemas: ["type", "kind", "version"],
  webhooks: ["name", "enabled", "url", "dead_letter_count", "owner"],
  objects: ["kind", "id", "version"],
  changes: ["kind", "id", "change"],
  deadletters: ["letter", "at", "command", "actor", "attempts", "error"],
}

/** Columns of a list for people; every field for a list that has no order of its own. */
export function listColumns(list: string, rows: readonly object[]): readonly string[] {
  const has = (name: string) => rows.some((row) => name in row)
  const known = (columns[list] ?? []).filter(has)
  return known.length > 0 ? known : Object.keys(rows[0] ?? {})
}
