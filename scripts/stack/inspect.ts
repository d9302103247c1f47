import type { Copy } from "./native.ts"
import { Refusal } from "./refusal.ts"

/** Prints the answer of /health, with details when there is an admin token. Exit status 1 unless healthy, 5 when nothing answers. */
export async function showHealth(copy: Copy): Promise<void> {
  const answer = await ask(copy, "/health")
  const health = JSON.parse(answer.body) as { status?: unknown }
  console.log(JSON.stringify(health, null, 2))
  if (answer.status !== 200 || health.status !== "healthy") process.exitCode = 1
}

/** Prints counts and rates. */
export async function showStats(copy: Copy): Promise<void> {
  const answer = await ask(copy, "/api/v1/stats")
  console.log(JSON.stringify(JSON.parse(answer.body), null, 2))
  if (answer.status !== 200) process.exitCode = 1
}

async function ask({ env }: Copy, path: string): Promise<{ status: number; body: string }> {
  const url = `http://127.0.0.1:${env["API_PORT"] ?? "9000"}${path}`
  const token = env["ADMIN_TOKEN"]
  try {
    const answer = await fetch(url, {
      headers: token === undefined ? {} : { authorization: `Bearer ${token}` },
      signal: AbortSignal.timeout(10_000),
    })
    return { status: answer.status, body: await answer.text() }
  } catch (error) {
    process.exitCode = 5
    throw new Refusal(`nothing answers at ${url} (${(error as Error).message}); start it with: just up`)
  }
}
