import { type Answer, type OAuthNode, type Sending, send } from "./oauth-node.ts"

/** A person's browser: cookies, and forms that are sent from their own page. */
export interface Person {
  readonly cookies: Map<string, string>
  visit(path: string, sending?: Sending): Promise<Answer>
  /** Sends the page's form with its hidden fields and `fields`. */
  submit(page: Answer, fields: Record<string, string>, headers?: Record<string, string>): Promise<Answer>
}

export function person(node: OAuthNode): Person {
  const cookies = new Map<string, string>()
  const visit = async (path: string, sending: Sending = {}) => {
    const cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join("; ")
    const answer = await send(node, path, {
      ...sending,
      headers: { ...(cookie !== "" && { cookie }), ...sending.headers },
    })
    for (const line of answer.headers["set-cookie"] ?? []) {
      const [name = "", value = ""] = line.split(";")[0]!.split("=")
      cookies.set(name, value)
    }
    return answer
  }
  return {
    cookies,
    visit,
    submit: (page, fields, headers = {}) =>
      visit(formOf(page).action, {
        form: { ...formOf(page).hidden, ...fields },
        headers: { origin: node.issuer, ...headers },
      }),
  }
}

/** Action and hidden fields of the form on a page. */
export function formOf(page: Answer): { action: string; hidden: Record<string, string> } {
  const action = /<form method="post" action="([^"]+)">/.exec(page.text)?.[1]
  if (action === undefined) throw new Error(`no form on this page (${page.status}):\n${page.text}`)
  const hidden = [...page.text.matchAll(/<input type="hidden" name="([^"]+)" value="([^"]*)">/g)]
  return { action, hidden: Object.fromEntries(hidden.map(([, name, value]) => [name!, value!])) }
}
