import type * as z from "zod"

/** Stands for a secret, and tells not even its length. */
const mask = "********"
const longestShown = 80

/**
 * What is wrong with a variable, for whoever wrote it: its name, what it must be, and what it holds.
 * @param secret nothing of the value is shown
 */
export function variableComplaint(
  { path, message }: z.core.$ZodIssue,
  env: Readonly<Record<string, string>>,
  secret: (name: string) => boolean,
): string {
  const name = String(path[0])
  const given = env[name]
  return given === undefined ? `${name}: is required` : `${name}: ${message}, not ${secret(name) ? mask : shown(given)}`
}

/** A value on one line that cannot write to the terminal, without the password of a URL. */
function shown(given: string): string {
  const open = masked(given, false)
  return JSON.stringify(open.length > longestShown ? `${open.slice(0, longestShown)}…` : open).replaceAll(
    /[\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069]/g,
    "?",
  )
}

/** Nothing of a secret but, where it is a URL, its place; of what is none, all but the password of a URL. */
export function masked(value: string, secret: boolean): string {
  const url = URL.parse(value)
  const hidden = url !== null && url.host !== "" && url.password !== ""
  if (hidden) return `${url.protocol}//${url.username}:${mask}@${url.host}${url.pathname}`
  return value === "" || !secret ? value : mask
}
