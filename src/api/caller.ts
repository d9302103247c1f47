/** Who is asking. `token` is the id of the API token; empty for a caller without one. */
export interface Caller {
  readonly token: string
  readonly name: string
  readonly admin: boolean
  /** Of the value that was shown: tells a token from a later one of the same name. Empty for a caller without one. */
  readonly hash: string
}
