import { Agent, fetch } from "undici"

/** A page as this stand-in for a browser got it. */
export interface Page {
  readonly url: string
  readonly status: number
  readonly text: string
  /** Absolute target of a redirect. */
  readonly location: string | null
}

/** What a person's browser does in a sign-in: keeps cookies, fills in forms. */
export interface Browser {
  open(url: string | URL): Promise<Page>
  /** Sends the first form of the page with its hidden fields and these. */
  submit(page: Page, fields: Readonly<Record<string, string>>): Promise<Page>
}

/** Connects every name to this machine and trusts these CA certificates alone. */
export const loopbackAgent = (ca: string | string[]): Agent =>
  new Agent({
    connect: {
      ca,
      lookup: (_name, options, done) =>
        options.all ? done(null, [{ address: "127.0.0.1", family: 4 }]) : done(null, "127.0.0.1", 4),
    },
  })

export function browser(dispatcher: Agent): Browser {
  const cookies = new Map<string, string>()

  async function visit(
    url: URL,
    init: { method: string; body?: string; headers: Record<string, string> },
  ): Promise<Page> {
    const sent = [...cookies].filter(([key]) => key.startsWith(`${url.origin} `))
    const cookie = sent.map(([key, value]) => `${key.slice(url.origin.length + 1)}=${value}`).join("; ")
    const headers = { ...init.headers, ...(cookie === "" ? {} : { cookie }) }
    const answer = await fetch(url, { ...init, headers, dispatcher, redirect: "manual" })
    for (const line of answer.headers.getSetCookie()) {
      const [, name = "", value = ""] = /^([^=]+)=([^;]*)/.exec(line) ?? []
      if (/;\s*max-age=0/i.test(line)) cookies.delete(`${url.origin} ${name}`)
      else cookies.set(`${url.origin} ${name}`, value)
    }
    const location = answer.headers.get("location")
    const text = await answer.text()
    return { url: url.href, status: answer.status, text, location: location && new URL(location, url).href }
  }

  return {
    open: (url) => visit(new URL(url), { method: "GET", headers: {} }),
    submit(page, fields) {
      const [, form, inside] = /<form\b([^>]*)>([\s\S]*?)<\/form>/i.exec(page.text) ?? []
      if (form === undefined || inside === undefined)
        throw new Error(`${page.url} answered ${page.status} without a form`)
      const hidden = [...inside.matchAll(/<input\b([^>]*)>/gi)]
        .map(([, input = ""]) => input)
        .filter((input) => attribute(input, "type") === "hidden")
        .map((input) => [attribute(input, "name") ?? "", attribute(input, "value") ?? ""] as [string, string])
      return visit(new URL(attribute(form, "action") ?? page.url, page.url), {
        method: "POST",
        headers: { "content-type": "application/x-www-form-urlencoded", origin: new URL(page.url).origin },
        body: new URLSearchParams([...hidden, ...Object.entries(fields)]).toString(),
      })
    },
  }
}

const entities: Record<string, string> = { "&amp;": "&", "&quot;": '"', "&#39;": "'", "&lt;": "<", "&gt;": ">" }

function attribute(tag: string, name: string): string | undefined {
  return new RegExp(`\\b${name}="([^"]*)"`, "i")
    .exec(tag)?.[1]
    ?.replace(/&(amp|quot|#39|lt|gt);/g, (it) => entities[it]!)
}
