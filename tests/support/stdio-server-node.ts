import * as z from "zod"
import { McpServer } from "@modelcontextprotocol/server"
import { serveStdio } from "@modelcontextprotocol/server/stdio"

/** A stdio MCP server of both eras: 2025-11-25 and before, and 2026-07-28. Goes into an image of the tests. */
serveStdio(() => {
  const server = new McpServer({ name: "both eras", version: "1" })
  const inputSchema = z.object({ message: z.string() })
  server.registerTool("echo", { description: "Says it again.", inputSchema }, ({ message }) => ({
    content: [{ type: "text", text: `${message} ${process.env["GREETING"] ?? ""}` }],
  }))
  return server
})
