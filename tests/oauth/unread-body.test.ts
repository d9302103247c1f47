import { expect, it } from "vitest"
import { rawClient, statuses } from "../support/raw-client.ts"
import { node, tokenNode } from "./token-node.ts"

tokenNode()

const head = (more: string) => `POST /token HTTP/1.1\r\nhost: auth.localhost:8443\r\n${more}\r\n\r\n`
const chunked = head("content-type: application/json\r\ntransfer-encoding: chunked")
const chunk = (bytes: number) => `${bytes.toString(16)}\r\n${"x".repeat(bytes)}\r\n`

it("What is too much of a body is passed over: the next request on its connection is answered", async () => {
  const { socket, until } = await rawClient(node.port)
  socket.write(chunked + chunk(500_000) + "0\r\n\r\n")
  await until((text) => statuses(text).length === 1)
  socket.write(head("content-length: 0"))
  expect(statuses(await until((text) => statuses(text).length === 2))).toEqual([413, 400])
  socket.destroy()
})

it("A body that goes on for long is answered, and its connection ends with that", async () => {
  const { socket, closed } = await rawClient(node.port)
  socket.write(chunked + chunk(1_200_000))
  expect(statuses(await closed())).toEqual([413])
})
