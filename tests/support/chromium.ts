import { type Browser, type Page, chromium } from "playwright-core"
import { existsSync } from "node:fs"

/** A page and what went wrong in it. */
export interface WatchedPage {
  readonly page: Page
  /** Violations of the content security policy, errors of scripts, and what the console calls an error. */
  readonly complaints: string[]
}

/** Debian's Chromium, without a window. The caller closes it. */
export function startChromium(): Promise<Browser> {
  const program = ["/usr/bin/chromium", "/usr/bin/chromium-browser"].find(existsSync)
  if (program === undefined) throw new Error("chromium is not installed: apt-get install chromium")
  return chromium.launch({
    executablePath: program,
    args: [
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
    ],
  })
}

/** A new page in a context of its own, whose complaints are kept. */
export async function watchedPage(browser: Browser): Promise<WatchedPage> {
  const page = await browser.newPage()
  const complaints: string[] = []
  page.on("console", (message) => {
    if (message.type() === "error") complaints.push(message.text())
  })
  page.on("pageerror", (error) => complaints.push(error.message))
  page.on("requestfailed", (request) => complaints.push(`${request.url()}: ${request.failure()?.errorText}`))
  return { page, complaints }
}
