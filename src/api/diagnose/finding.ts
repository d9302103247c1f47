import * as z from "zod"

/** What was looked at, in the order in which a client meets it. */
export const StepName = z.enum([
  "connection",
  "challenge",
  "resource_metadata",
  "audience",
  "server_metadata",
  "pkce",
  "keys",
  "registration",
  "authorization",
  "cors",
  "rejection",
  "call",
])

/** One step of the way of a client. `warning`: some clients will stumble. `skipped`: an earlier step makes it pointless. */
export const Step = z.strictObject({
  step: StepName,
  status: z.enum(["ok", "warning", "failed", "skipped"]),
  words: z.string(),
})

/** What the doctor found, and the first step that does not work. */
export const Diagnosis = z
  .strictObject({
    url: z.string(),
    ok: z.boolean(),
    broken: z.strictObject({ step: StepName, words: z.string() }).nullable(),
    steps: z.array(Step),
  })
  .meta({ id: "Diagnosis" })

/** What a step came to. */
export type Finding = Readonly<Omit<z.infer<typeof Step>, "step">>

export const ok = (words: string): Finding => ({ status: "ok", words })
export const warning = (words: string): Finding => ({ status: "warning", words })
export const failed = (words: string): Finding => ({ status: "failed", words })
export const skipped = (words: string): Finding => ({ status: "skipped", words })

/** Text from elsewhere, on one line and short. */
export function quoted(value: unknown): string {
  const text = typeof value === "string" ? value : (JSON.stringify(value) ?? "nothing")
  const plain = text.toWellFormed().replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, "?")
  return `"${plain.length > 160 ? `${plain.slice(0, 159)}…` : plain}"`
}

/** An absolute https URL, or http on loopback; undefined for everything else. */
export function secureUrl(value: unknown): URL | undefined {
  const url = typeof value === "string" ? URL.parse(value) : null
  if (url === null || url.username !== "" || url.password !== "") return undefined
  const loopback = /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(url.hostname)
  return url.protocol === "https:" || (url.protocol === "http:" && loopback) ? url : undefined
}
