import { describe, expect, test } from "vitest"
import { csv, table } from "../../src/api/rows.ts"

const rows = [
  { name: "a", note: 'say "hi", you', count: 1 },
  { name: "=1+1", note: null, list: ["x", "y"] },
]

describe("rows as text", () => {
  test("as a table show the columns that people look for", () => {
    expect(table(rows)).toBe("NAME\na\n=1+1\n")
    expect(table([{ other: true }])).toBe("OTHER\ntrue\n")
    expect(table([])).toBe("")
  })

  test("as CSV show every field, quoted where needed, and no formula", () => {
    expect(csv(rows)).toBe('name,note,count,list\r\na,"say ""hi"", you",1,\r\n\'=1+1,,,"x, y"\r\n')
    expect(csv([{ n: -1, text: "-1", at: "@x", line: "a\r\nb" }])).toBe("n,text,at,line\r\n-1,'-1,'@x,a??b\r\n")
    expect(csv([])).toBe("")
  })
})
