/** A body of NDJSON, line by line as it comes: a list of any length takes the room of one line. */
import * as v from 'valibot'
import { IpdcError } from '../../src/core/errors.ts'

/** One line, at most: two paths, every character of them escaped. @default 131_072 (bytes) */
const maxLineBytes = 131_072

/** @throws BAD_DATA naming the line that is not of the schema; TOO_LARGE */
export async function* linesOf<const S extends v.GenericSchema>(body: AsyncIterable<Uint8Array>, schema: S): AsyncGenerator<v.InferOutput<S>> {
  let rest: Buffer = Buffer.alloc(0)
  let count = 0
  const read = (line: Buffer): v.InferOutput<S> => {
    count++
    const parsed = v.safeParse(schema, json(line, count))
    if (parsed.success) return parsed.output
    throw new IpdcError('BAD_DATA', { message: `Line ${count}: ${v.getDotPath(parsed.issues[0]) ?? 'it'}: ${parsed.issues[0].message}` })
  }
  for await (const chunk of body) {
    rest = rest.length === 0 ? Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length) : Buffer.concat([rest, chunk])
    let from = 0
    for (let end = rest.indexOf(10); end >= 0; end = rest.indexOf(10, from)) {
      if (end > from) yield read(rest.subarray(from, end))
      from = end + 1
    }
    rest = rest.subarray(from)
    if (rest.length > maxLineBytes) throw new IpdcError('TOO_LARGE', { message: `Line ${count + 1} has more than ${maxLineBytes} bytes` })
  }
  if (rest.length > 0) yield read(rest)
}

function json(line: Buffer, count: number): unknown {
  try {
    return JSON.parse(line.toString('utf8'))
  } catch (cause) {
    throw new IpdcError('BAD_DATA', { message: `Line ${count} is not JSON`, cause })
  }
}
