/** Is there an `access_token` in the query, however it is escaped (RFC 6750 §2.3, forbidden by RFC 9700 §4.3.2)? */
export function tokenInQuery(query: string): boolean {
  if (query === "" || !(query.includes("access_token") || query.includes("%"))) return false
  return new URLSearchParams(query).has("access_token")
}
