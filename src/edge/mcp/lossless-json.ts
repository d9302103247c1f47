/** A number that only its source text tells; written back as it was. */
type WithRawJson = typeof JSON & { rawJSON(text: string): unknown }

const { rawJSON } = JSON as WithRawJson

/**
 * Parses JSON so that `JSON.stringify` writes every number back as it came: schemas hold limits that JavaScript would round.
 * @throws SyntaxError
 */
export function parseLossless(text: string): unknown {
  return JSON.parse(text, (_, value: unknown, ...rest: unknown[]) => {
    const source = (rest[0] as { source?: string } | undefined)?.source
    return typeof value === "number" && source !== undefined && String(value) !== source ? rawJSON(source) : value
  })
}
