import { createServer } from "node:https"
import { readFileSync } from "node:fs"

/** The floor for any proxy on this Node: node:https with an answer of its own and no backend. Arguments: port, certificate, key, body length. */
const [port, cert, key, length] = process.argv.slice(2) as [string, string, string, string]
const body = Buffer.alloc(Number(length), "x")
const headers = { "Content-Type": "text/plain", "Content-Length": body.length }

createServer({ cert: readFileSync(cert), key: readFileSync(key), minVersion: "TLSv1.3" }, (_request, response) => {
  response.writeHead(200, headers).end(body)
}).listen(Number(port), "127.0.0.1")
