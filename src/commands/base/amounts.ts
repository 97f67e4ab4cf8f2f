/** Numbers as people read and write them. */
import { IpdcError } from '../../core/errors.ts'

const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'] as const

/** `1.5 MiB` */
export function bytesText(bytes: number): string {
  const power = bytes < 1024 ? 0 : Math.min(units.length - 1, Math.floor(Math.log2(bytes) / 10))
  const value = bytes / 1024 ** power
  return `${power === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${units[power]}`
}

/** `16MiB`, `64k`, `1000000`: bytes, in powers of 1024. @throws USAGE */
export function parseBytes(text: string): number {
  const [, digits, unit = ''] = /^(\d+(?:\.\d+)?)\s*([kmgt]?)(?:i?b)?$/i.exec(text.trim()) ?? []
  if (digits === undefined) throw new IpdcError('USAGE', { message: `"${text}" is not a size`, hint: 'Write it as 64KiB, 16MiB or 1000000' })
  return Math.round(Number(digits) * 1024 ** ' kmgt'.indexOf(unit.toLowerCase() || ' '))
}

/** `420 ms`, `9.3 s`, `4 min 10 s`, `2 h 5 min` */
export function durationText(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`
  if (ms < 59_950) return `${(ms / 1000).toFixed(1)} s`
  const seconds = Math.round(ms / 1000)
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${seconds % 60} s`
  const minutes = Math.round(seconds / 60)
  return minutes < 48 * 60 ? `${Math.floor(minutes / 60)} h ${minutes % 60} min` : `${Math.round(minutes / 1440)} days`
}

/** `12,345`. Not by locale: a test, a log and a neighbour see the same. */
export function countText(count: number): string {
  return String(count).replace(/\B(?=(\d{3})+$)/g, ',')
}

/** `1 task`, `2 tasks` */
export function plural(count: number, noun: string): string {
  return `${countText(count)} ${noun}${count === 1 ? '' : 's'}`
}
