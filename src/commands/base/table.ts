/**
 * Rows under their headings, in columns two spaces apart: what people read and `awk` can still take apart. Much in them comes from
 * other nodes: no control character of a cell reaches the terminal, or begins a line.
 */
import type { Screen } from './screen.ts'

type Cell = string | number

export function table(head: readonly string[], given: readonly (readonly Cell[])[], { paint }: Pick<Screen, 'paint'>): string {
  const rows = given.map((row) => row.map(clean))
  const widths = head.map((title, column) => Math.max(title.length, ...rows.map((row) => String(row[column] ?? '').length)))
  const line = (cells: readonly Cell[]) =>
    cells
      .map((cell, column) => aligned(cell, widths[column] ?? 0))
      .join('  ')
      .trimEnd()
  return [paint.bold(line(head)), ...rows.map(line)].join('\n')
}

/** Two columns, name and value; what has no value is left out. */
export function sheet(pairs: readonly (readonly [string, Cell | undefined])[], { paint }: Pick<Screen, 'paint'>): string {
  const given = pairs.filter(([, value]) => value !== undefined && value !== '')
  const width = Math.max(0, ...given.map(([name]) => name.length))
  return given.map(([name, value]) => `${paint.bold(name.padEnd(width))}  ${clean(value ?? '')}`).join('\n')
}

function clean(cell: Cell): Cell {
  return typeof cell === 'number' ? cell : cell.replace(/[\t\r\n]+/g, ' ').replace(/\p{Cc}/gu, '?')
}

function aligned(cell: Cell, width: number): string {
  return typeof cell === 'number' ? String(cell).padStart(width) : cell.padEnd(width)
}
