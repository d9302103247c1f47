/** Cookie that ties a login in progress to the browser which allowed it; exists only after consent. */
export const transactionCookie = "__Host-gh_txn"
/** Cookie of a signed-in browser. */
export const sessionCookie = "__Host-gh_session"

/** Value of a request cookie. A name that stands twice counts as absent: one of them is not ours. */
export function readCookie(request: { readonly headers: Pick<Headers, "get"> }, name: string): string | undefined {
  const values = (request.headers.get("cookie") ?? "")
    .split(";")
    .map((pair) => pair.trim())
    .filter((pair) => pair.startsWith(`${name}=`))
    .map((pair) => pair.slice(name.length + 1))
  return values.length === 1 && values[0] !== "" ? values[0] : undefined
}

/**
 * `Set-Cookie` value. Lax, because the identity provider's redirect back is a cross-site navigation.
 * @param maxAge seconds; 0 removes the cookie
 */
export function cookie(name: string, value: string, maxAge: number): string {
  return `${name}=${value}; Max-Age=${maxAge}; Path=/; Secure; HttpOnly; SameSite=Lax`
}
