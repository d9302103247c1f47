/** What a guard that knows cookies looks at, from one pass over the request. */
export interface BrowserHeaders {
  /** All cookies in their order, or undefined. */
  readonly cookie: string | undefined
  readonly authorization: string | undefined
  readonly origin: string | undefined
  readonly fetchSite: string | undefined
  readonly fetchMode: string | undefined
  readonly accept: string | undefined
}

/** Collects the headers by which a browser's request is judged. A repeated one counts as its values in a list. */
export function browserHeaders(rawHeaders: readonly string[]): BrowserHeaders {
  let cookie: string | undefined
  let authorization: string | undefined
  let origin: string | undefined
  let fetchSite: string | undefined
  let fetchMode: string | undefined
  let accept: string | undefined
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) {
    const name = rawHeaders[at]!
    const value = rawHeaders[at + 1]!
    switch (name.length) {
      case 6:
        switch (name.toLowerCase()) {
          case "cookie":
            cookie = cookie === undefined ? value : `${cookie}; ${value}`
            break
          case "origin":
            origin = joined(origin, value)
            break
          case "accept":
            accept = joined(accept, value)
        }
        break
      case 13:
        if (name.toLowerCase() === "authorization") authorization = joined(authorization, value)
        break
      case 14:
        switch (name.toLowerCase()) {
          case "sec-fetch-site":
            fetchSite = joined(fetchSite, value)
            break
          case "sec-fetch-mode":
            fetchMode = joined(fetchMode, value)
        }
    }
  }
  return { cookie, authorization, origin, fetchSite, fetchMode, accept }
}

const joined = (before: string | undefined, value: string) => (before === undefined ? value : `${before}, ${value}`)

/** Value of one cookie. A name that stands twice counts as absent: one of them is not ours. */
export function cookieValue(header: string | undefined, name: string): string | undefined {
  if (header === undefined || !header.includes(name)) return undefined
  let found: string | undefined
  for (const pair of header.split(";")) {
    const text = pair.trim()
    if (!text.startsWith(name) || text[name.length] !== "=") continue
    if (found !== undefined) return undefined
    found = text.slice(name.length + 1)
  }
  return found === "" ? undefined : found
}
