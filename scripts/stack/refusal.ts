import { exitCodes } from "../../src/cli/failure.ts"

/** A recipe that cannot go on. The message says what is in the way and what to do; it is printed without a stack. */
export class Refusal extends Error {
  override name = "Refusal"
  /** Of the process. */
  readonly exitCode: number = exitCodes.apiError
}

/** A recipe that was called with what it does not take. */
export class Misuse extends Refusal {
  override readonly exitCode = exitCodes.usage
}
