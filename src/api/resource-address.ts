const base = "/api/v1/resources"
const validate = "/validate-token"

/**
 * A URI cannot be told from a path once it stands in one. This brings its three spellings into the one that the endpoint table
 * has, a single percent-encoded segment: with its slashes as they are, percent-encoded, and in `?uri=`.
 * @returns undefined when the address needs no change
 */
export function resourceAddress(pathname: string, search: string): { pathname: string; search: string } | undefined {
  if (pathname !== base && !pathname.startsWith(`${base}/`)) return undefined
  const rest = pathname.slice(base.length + 1)
  const query = new URLSearchParams(search)
  const uri = query.get("uri")
  if (uri !== null && uri !== "" && (rest === "" || `/${rest}` === validate)) {
    query.delete("uri")
    return { pathname: place(uri, rest !== ""), search: query.size === 0 ? "" : `?${query.toString()}` }
  }
  if (!/^https?:\/\//i.test(rest)) return undefined
  const validates = rest.endsWith(validate)
  return { pathname: place(validates ? rest.slice(0, -validate.length) : rest, validates), search }
}

function place(uri: string, validates: boolean): string {
  return `${base}/${encodeURIComponent(uri)}${validates ? validate : ""}`
}
