import { Agent, fetch } from "undici"

/** The few things that a person's browser does in a login: cookies, forms, redirects by hand. */
export interface Browser {
  fetch: (url: string | URL, init?: BrowserRequest) => Promise<Page>
  /** Sends the page's form with its hidden fields and `fields`. */
  submit: (page: Page, fields: Record<string, string>) => Promise<Page>
}

export interface BrowserRequest {
  readonly method?: string
  readonly headers?: Record<string, string>
  readonly body?: string
}

export interface Page {
  readonly url: string
  readonly status: number
  readonly headers: { get(name: string): string | null }
  readonly text: string
  /** Absolute target of a redirect. */
  readonly location: string | null
}

/** Connects every name to 127.0.0.1 and trusts only the given CA certificates. */
export function agent(ca: string | string[]): Agent {
  return new Agent({
    connect: {
      ca,
      lookup: (_name, options, done) =>
        options.all ? done(null, [{ address: "127.0.0.1", family: 4 }]) : done(null, "127.0.0.1", 4),
    },
  })
}

export function browser(dispatcher: Agent): Browser {
  const jars = new Map<string, Map<string, string>>()
  async function visit(url: string | URL, init: BrowserRequest = {}): Promise<Page> {
    const { origin, href } = new URL(url)
    const jar = jars.get(origin) ?? new Map<string, string>()
    jars.set(origin, jar)
    const cookie = [...jar].map(([name, value]) => `${name}=${value}`).join("; ")
    const response = await fetch(href, {
      ...init,
      dispatcher,
      redirect: "manual",
      headers: { ...init.headers, ...(cookie !== "" && { cookie }) },
    })
    for (const line of response.headers.getSetCookie()) {
      const [pair = ""] = line.split(";")
      const [name = "", ...value] = pair.split("=")
      if (/max-age=0|expires=thu, 01 jan 1970/i.test(line)) jar.delete(name)
      else jar.set(name, value.join("="))
    }
    const location = response.headers.get("location")
    return {
      url: href,
      status: response.status,
      headers: response.headers,
      text: await response.text(),
      location: location === null ? null : new URL(location, href).href,
    }
  }
  return {
    fetch: visit,
    submit(page, fields) {
      const form = /<form\b([^>]*)>([\s\S]*?)<\/form>/i.exec(page.text)
      if (form === null) throw new Error(`no form on ${page.url} (${page.status}):\n${page.text.slice(0, 2000)}`)
      const action = attribute(form[1]!, "action") ?? page.url
      const hidden = [...form[2]!.matchAll(/<input\b([^>]*)>/gi)]
        .map(
          ([, input]) =>
            [attribute(input!, "name"), attribute(input!, "value") ?? "", attribute(input!, "type")] as const,
        )
        .filter(([name, , type]) => name !== undefined && type === "hidden")
        .map(([name, value]) => [name!, value] as [string, string])
      const body = new URLSearchParams([...hidden, ...Object.entries(fields)]).toString()
      return visit(new URL(action, page.url), {
        method: (attribute(form[1]!, "method") ?? "get").toUpperCase(),
        headers: { "content-type": "application/x-www-form-urlencoded", origin: new URL(page.url).origin },
        body,
      })
    },
  }
}

function attribute(tag: string, name: string): string | undefined {
  const value = new RegExp(`\\b${name}="([^"]*)"`, "i").exec(tag)?.[1]
  return value
    ?.replaceAll("&quot;", '"')
    .replaceAll("&#39;", "'")
    .replaceAll("&lt;", "<")
    .replaceAll("&gt;", ">")
    .replaceAll("&amp;", "&")
}
