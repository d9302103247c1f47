import * as z from "zod"

/** Mark of a variable whose value is never shown. */
export const secret = { secret: true } as const
/** A TCP port; 0 = any that is free. */
export const port = (fallback: number) => z.coerce.number().int().min(0).max(65535).default(fallback)
/** A whole number. */
export const whole = (fallback: number, min = 0) => z.coerce.number().int().min(min).default(fallback)
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
/** An http or https URL. */
export const httpUrl = (fallback: string) => z.url({ protocol: /^https?$/ }).default(fallback)
/** A host name. */
export const host = z
  .string()
  .regex(/^[a-z0-9.-]+$/i, "must be a host name")
  .toLowerCase()

/** First and last port of a range such as `11000-20000`; undefined for what is none. */
export function portRange(text: string): { first: number; last: number } | undefined {
  const [, first = 0, last = 0] = (/^(\d{4,5})-(\d{4,5})$/.exec(text) ?? []).map(Number)
  return first >= 1024 && first <= last && last <= 65_535 ? { first, last } : undefined
}
