/**
 * Free text in the tables: names, reasons, lines of logs. Node 22 reads a text no further than its first NUL, so a text that has one
 * is stored as bytes. (JSON has none: it escapes them.)
 */
import type { SQLInputValue } from 'node:sqlite'

export function textIn(text: string): SQLInputValue {
  return text.includes('\0') ? Buffer.from(text) : text
}

export function textOut(value: unknown): string {
  return value instanceof Uint8Array ? Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString() : String(value)
}
