import { isIP } from "node:net"
import * as z from "zod"

/** Mark of a variable whose value is never shown. */
export const secret = { secret: true } as const
/** A number in decimal digits. @param kind what to call it where it is wrong */
function decimal(pattern: RegExp, kind: string, min: number, max: number) {
  const range = max === Number.MAX_SAFE_INTEGER ? `, ${min} or more` : ` from ${min} to ${max}`
  return z
    .string()
    .refine((given) => pattern.test(given) && Number(given) >= min && Number(given) <= max, `must be ${kind}${range}`)
    .transform(Number)
}

/** A whole number without a default. */
export const integer = (min: number, max = Number.MAX_SAFE_INTEGER) => decimal(/^\d{1,16}$/, "a whole number", min, max)
/** A whole number. */
export const whole = (fallback: number, min = 0, max?: number) => integer(min, max).default(fallback)
/** A TCP port; 0 = any that is free. */
export const port = (fallback: number) => whole(fallback, 0, 65_535)
/** Seconds of a timer, which can be set for 24 days at most: beyond that it would go off at once. */
export const seconds = (fallback: number, min: number) => whole(fallback, min, longest)
/** The same with a fraction. */
export const fraction = (fallback: number, min: number) =>
  decimal(/^\d{1,16}(?:\.\d{1,16})?$/, "a number", min, longest).default(fallback)

const longest = 2_000_000
/** Any text. */
export const text = (fallback: string) => z.string().default(fallback)
/** `true` or `false`, in any of the usual words. */
export const flag = (fallback: boolean) =>
  z
    .string()
    .default(String(fallback))
    .transform((value, context) => {
      if (/^(true|1|yes|on)$/i.test(value)) return true
      if (/^(false|0|no|off)$/i.test(value)) return false
      context.addIssue({ code: "custom", message: "must be true or false" })
      return z.NEVER
    })
/** Items between commas. */
export const list = (fallback: string) =>
  z
    .string()
    .default(fallback)
    .transform((value) =>
      value
        .split(",")
        .map((item) => item.trim())
        .filter((item) => item !== ""),
    )
/** An http or https URL without a default. */
export const anyHttpUrl = z.url({ protocol: /^https?$/, error: "must be a URL such as https://example.com/path" })
/** An http or https URL. */
export const httpUrl = (fallback: string) => anyHttpUrl.default(fallback)
/** An e-mail address. */
export const email = z.email("must be an e-mail address such as name@example.com")
/** A secret that nobody can guess. */
export const password = z.string().min(16, "must have at least 16 characters").meta(secret)
/** 32 bytes in base64. */
export const bytes32 = z
  .string()
  .refine((given) => Buffer.from(given, "base64").length === 32, "must be 32 bytes in base64")
  .meta(secret)

const hostName = /^(?=.{1,253}$)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*$/i
/** A host name. */
export const host = z.string().regex(hostName, "must be a host name").toLowerCase()
/** Host names between commas. */
export const hosts = (fallback: string) =>
  list(fallback).refine((names) => names.every((name) => hostName.test(name)), "must be host names between commas")
/** Addresses and ranges of addresses between commas. */
export const ranges = (fallback: string) =>
  list(fallback).refine(
    (items) => items.every(isRange),
    "must be ranges of addresses such as 10.0.0.0/8 between commas",
  )

function isRange(text: string): boolean {
  const [, base = "", length] = /^([^/]+)(?:\/(\d{1,3}))?$/.exec(text) ?? []
  return isIP(base) !== 0 && Number(length ?? 0) <= (isIP(base) === 4 ? 32 : 128)
}

const levels = ["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"] as const
/** From which weight on lines are logged. */
export const logLevel = z
  .string()
  .default("INFO")
  .transform((value) => value.toUpperCase())
  .pipe(z.enum(levels, `must be ${levels.slice(0, -1).join(", ")} or ${levels.at(-1)}`))

/** Where a container engine listens. */
export function isEngineAddress(given: string): boolean {
  const url = URL.parse(given)
  return (
    url !== null &&
    (url.protocol === "unix:" ? url.pathname.length > 1 : /^(tcp|http):$/.test(url.protocol) && url.hostname !== "")
  )
}

/** First and last port of a range such as `11000-20000`; undefined for what is none. */
export function portRange(text: string): { first: number; last: number } | undefined {
  const [, first = 0, last = 0] = (/^(\d{4,5})-(\d{4,5})$/.exec(text) ?? []).map(Number)
  return first >= 1024 && first <= last && last <= 65_535 ? { first, last } : undefined
}
