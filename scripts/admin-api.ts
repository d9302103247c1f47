import { Refusal } from "./stack/refusal.ts"

/** The admin API with the administrator's token. */
export interface AdminApi {
  /** @throws Refusal for any status that is neither 2xx nor one of `also` */
  call<T>(method: string, path: string, body?: unknown, also?: readonly number[]): Promise<{ status: number; body: T }>
}

/** @param at port on this machine, or a base URL */
export function adminApi(at: number | string, token: string): AdminApi {
  const base = typeof at === "number" ? `http://127.0.0.1:${at}` : at.replace(/\/$/, "")
  return {
    async call<T>(method: string, path: string, body?: unknown, also: readonly number[] = []) {
      const answer = await fetch(`${base}/api/v1${path}`, {
        method,
        headers: {
          authorization: `Bearer ${token}`,
          ...(body === undefined ? {} : { "content-type": "application/json" }),
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        signal: AbortSignal.timeout(60_000),
      })
      const text = await answer.text()
      if (!answer.ok && !also.includes(answer.status)) throw new Refusal(`${method} ${path}: ${answer.status} ${text}`)
      return { status: answer.status, body: (text === "" ? undefined : JSON.parse(text)) as T }
    },
  }
}
