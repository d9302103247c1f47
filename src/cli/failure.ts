/** Exit codes of the command line. */
export const exitCodes = { done: 0, apiError: 1, usage: 2, unconfirmed: 3, timedOut: 4, unreachable: 5 } as const

/** Ends the command with a code and a text for stderr. */
export class CliFailure extends Error {
  override name = "CliFailure"
  readonly exitCode: number

  constructor(kind: keyof typeof exitCodes, message: string) {
    super(message)
    this.exitCode = exitCodes[kind]
  }
}
