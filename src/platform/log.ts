/** Severity, from chatty to severe. */
export type Level = "DEBUG" | "INFO" | "WARNING" | "ERROR" | "CRITICAL"

const order: Record<Level, number> = { DEBUG: 0, INFO: 1, WARNING: 2, ERROR: 3, CRITICAL: 4 }

/** Facts of a log line. Never a token, code, key or body. */
export type Fields = Readonly<Record<string, unknown>>

/** Writes one JSON object a line. `event` is a stable snake_case name; what varies goes into the fields. */
export interface Logger {
  debug(event: string, fields?: Fields): void
  info(event: string, fields?: Fields): void
  warning(event: string, fields?: Fields): void
  error(event: string, fields?: Fields): void
  critical(event: string, fields?: Fields): void
}

/**
 * Logger for one part of Gatehouse.
 * @param minimum lines below it are dropped
 * @param write receives each line; a failing write must not throw into the caller
 */
export function logger(minimum: Level, now: () => Date, write: (line: string) => void): Logger {
  const at =
    (level: Level) =>
    (event: string, fields: Fields = {}) => {
      if (order[level] < order[minimum]) return
      write(JSON.stringify({ at: now().toISOString(), level, event, ...fields }) + "\n")
    }
  return { debug: at("DEBUG"), info: at("INFO"), warning: at("WARNING"), error: at("ERROR"), critical: at("CRITICAL") }
}

/** The text of whatever was thrown, with its cause; no stack. */
export function reason(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const cause = error.cause === undefined ? "" : `: ${reason(error.cause)}`
  return `${error.message}${cause}`
}
