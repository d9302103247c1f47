import { Agent, request } from "undici"

/** An answer, whole. */
export interface Answer {
  readonly status: number
  readonly location: string | undefined
  readonly text: string
}

/** Kept-alive connections of one address of this machine to one authorization server, and the cookies of its browser. */
export interface Connection {
  get(path: string): Promise<Answer>
  post(path: string, form: Readonly<Record<string, string>> | string): Promise<Answer>
  close(): Promise<void>
}

/**
 * @param origin issuer; its name is this machine, and its certificate is not looked at
 * @param address loopback address that the connections come from: limits are counted for each
 * @param cookies of a browser, shared by all its connections; a program has none, and says nowhere where its forms stand
 */
export function connection(
  origin: string,
  address: string,
  connections: number,
  cookies?: Map<string, string>,
): Connection {
  const dispatcher = new Agent({
    connections,
    allowH2: false,
    localAddress: address,
    connect: {
      rejectUnauthorized: false,
      lookup: (_name, options, done) =>
        options.all ? done(null, [{ address: "127.0.0.1", family: 4 }]) : done(null, "127.0.0.1", 4),
    },
  })
  async function send(path: string, method: "GET" | "POST", body?: string, type?: string): Promise<Answer> {
    const cookie = [...(cookies ?? [])].map(([name, value]) => `${name}=${value}`).join("; ")
    const headers = {
      ...(cookie !== "" && { cookie }),
      ...(cookies !== undefined && body !== undefined && { origin }),
      ...(type !== undefined && { "content-type": type }),
    }
    const answer = await request(new URL(path, origin), { method, headers, dispatcher, body: body ?? null })
    for (const line of [answer.headers["set-cookie"] ?? []].flat()) {
      const [, name = "", value = ""] = /^([^=]+)=([^;]*)/.exec(line) ?? []
      if (value === "") cookies?.delete(name)
      else cookies?.set(name, value)
    }
    const { location } = answer.headers
    const target = typeof location === "string" ? new URL(location, new URL(path, origin)).href : undefined
    return { status: answer.statusCode, location: target, text: await answer.body.text() }
  }
  return {
    get: (path) => send(path, "GET"),
    post: (path, form) =>
      typeof form === "string"
        ? send(path, "POST", form, "application/json")
        : send(path, "POST", new URLSearchParams(form).toString(), "application/x-www-form-urlencoded"),
    close: () => dispatcher.close(),
  }
}
