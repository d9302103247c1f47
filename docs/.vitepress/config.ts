import { existsSync, readFileSync, readdirSync } from "node:fs"
import { join } from "node:path"
import { defineConfig } from "vitepress"

const docs = join(import.meta.dirname, "..")

/** Pages of a folder, with their first heading as text. */
function pages(folder: string) {
  if (!existsSync(join(docs, folder))) return []
  return readdirSync(join(docs, folder))
    .filter((file) => file.endsWith(".md") && file !== "index.md")
    .sort()
    .map((file) => ({ text: heading(join(folder, file)), link: `/${folder}/${file.replace(/\.md$/, "")}` }))
}

function heading(file: string): string {
  return /^# (.*)$/m.exec(readFileSync(join(docs, file), "utf8"))?.[1] ?? file
}

const page = (file: string) => ({ text: heading(`${file}.md`), link: `/${file}` })

export default defineConfig({
  title: "Gatehouse",
  description: "An HTTPS gateway for MCP servers.",
  cleanUrls: false,
  // Pages of the repository itself, which are not part of the site.
  ignoreDeadLinks: [/\.\.\/(src|tests|justfile|README)/],
  lastUpdated: false,
  themeConfig: {
    search: { provider: "local" },
    outline: { level: [2, 3] },
    sidebar: [
      { text: "Start", items: ["getting-started", "concepts"].map(page) },
      {
        text: "Use",
        items: ["proxies-and-certificates", "routes", "mcp-and-oauth", "mcp-gateway", "services", "web-applications", "administration", "configuration-as-a-file", "command-line-and-api", "subscribers", "event-log"].map(page),
      },
      { text: "Run", items: ["operations", "security", "performance", "crash-points"].map(page) },
      {
        text: "Reference",
        items: [
          ...pages("reference"),
          { text: "REST API", link: "/reference/api/", collapsed: true, items: pages("reference/api") },
        ],
      },
      { text: "Decisions", link: "/decisions/", collapsed: true, items: pages("decisions") },
    ],
  },
})
