import type { Reply } from "./client.ts"
import { cell } from "../api/rows.ts"

/** What a line shows of a request. */
export interface AccessLine {
  readonly number: number
  readonly at: string
  readonly client: string
  readonly host: string
  readonly method: string
  readonly path: string
  readonly status: number
  readonly bytes: number
  readonly duration_ms: number
  readonly subject: string | null
  readonly client_id: string | null
  readonly reason: string | null
  readonly mcp: { readonly method: string | null; readonly name: string | null } | null
}

const longestPath = 200

/** A request on one line; what is long is cut. */
export function accessLine(of: AccessLine): string {
  const { at, client, host, method, path, status, bytes, duration_ms, subject, client_id, reason, mcp } = of
  const place = `${host}${path.length > longestPath ? `${path.slice(0, longestPath)}…` : path}`
  const what = method === "" ? "no request" : `${method} ${place}`
  const message = [mcp?.method, mcp?.name].filter((part) => typeof part === "string").join(" ")
  return cell(
    [
      `${at}  ${client}  ${what}`,
      ...(message === "" ? [] : [`(${message})`]),
      ` ${status} ${bytes} B ${duration_ms} ms`,
      ...(subject === null ? [] : [` ${subject}`]),
      ...(client_id === null ? [] : [`by ${client_id}`]),
      ...(reason === null ? [] : [` ${reason}`]),
    ].join(" "),
  )
}

/** What else there is to know of a page. */
export function accessHint({ body }: Pick<Reply, "body">): readonly string[] {
  const { pagination } = body as { pagination?: { page: number; pages: number } }
  if (pagination === undefined || pagination.page >= pagination.pages) return []
  return [`page ${pagination.page} of ${pagination.pages}; more with --page ${pagination.page + 1}`]
}
