import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client"
import type { SignIn } from "./sign-in.ts"

/**
 * A session with a protected MCP server, as a client gets one that knows nothing but the URL: it is refused, discovers
 * the authorization server, registers, lets the person sign in, and comes back with a token.
 * @throws Error when the server lets it in without a token
 */
export async function signedInSession(url: URL, login: SignIn): Promise<Client> {
  const connect = () => new StreamableHTTPClientTransport(url, { authProvider: login.provider, fetch: login.fetch })
  const newClient = () => new Client({ name: "gatehouse", version: "1" })
  const first = connect()
  try {
    await newClient().connect(first)
  } catch (error) {
    if (login.callback() === undefined) throw error
  }
  const callback = login.callback()
  if (callback === undefined) throw new Error(`${url.href} let a client in without a token`)
  await first.finishAuth(callback.searchParams)
  const client = newClient()
  await client.connect(connect())
  return client
}

/** Text parts of a tool's result. */
export function textOf(result: unknown): string {
  const { content } = result as { content: readonly { type: string; text?: string }[] }
  return content.flatMap((part) => part.text ?? []).join("\n")
}
