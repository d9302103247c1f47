/** What is wrong with the log, and where. */
export interface LogProblem {
  /** First bad position; null for a command that no event stands for. */
  readonly position: number | null
  readonly code:
    | "gap"
    | "chain"
    | "no_event"
    | "head"
    | "no_command"
    | "no_outcome"
    | "checkpoint_signature"
    | "checkpoint_hash"
    | "archive"
  readonly detail: string
}
