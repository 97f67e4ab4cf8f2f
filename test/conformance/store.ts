/** What every Store must do. `open` gives a fresh, empty one, closed by the test; `reopen` gives the same one after its process died. */
import { createHash } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Test } from 'tap'
import { codeOf } from '../../src/core/errors.ts'
import type { Store } from '../../src/core/ports.ts'

export interface Adapter {
  open(t: Test): Promise<Store>
  /** Undefined where a store of this sort outlives its user by itself. */
  reopen?(t: Test, store: Store): Promise<Store>
}

const mebibyte = 1 << 20
const emptyDirectory = 'bafybeiczsscdsbs7ffqz55asqdf3smv6klcw3gofszvwlyarci47bgf354'
const emptyFile = 'bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku'
const nowhere = 'bafkreifzjut3te2nhyekklss27nh3k72ysco7y32koao5eei66wof36n5e'

export function conformance(t: Test, { open, reopen }: Adapter) {
  const fresh = async (t: Test) => {
    const store = await open(t)
    t.teardown(() => store.close())
    return store
  }

  t.test('the same bytes have the same address, however they come', async (t) => {
    const store = await fresh(t)
    const bytes = noise('a', 3 * mebibyte + 17)
    const file = join(t.testdir(), 'file')
    await writeFile(file, bytes)
    const made = await Promise.all([store.addFile(bytes), store.addFile({ file }), store.addFile(pieces(bytes, 700_001)), store.addFile(pieces(bytes, 4096))])
    t.same(new Set(made.map(({ cid }) => cid)).size, 1)
    t.same(
      made.map(({ size }) => size),
      [bytes.length, bytes.length, bytes.length, bytes.length],
    )
  })

  t.test('a file is read whole, from any offset, for any length, in chunks of at most 1 MiB', async (t) => {
    const store = await fresh(t)
    const bytes = noise('b', 2 * mebibyte + 100)
    const { cid } = await store.addFile(bytes)
    for (const [offset, length] of [
      [0, undefined],
      [0, 1],
      [mebibyte - 1, 2],
      [mebibyte, mebibyte],
      [2 * mebibyte + 99, 1],
      [2 * mebibyte + 99, 1000],
      [bytes.length, 10],
      [bytes.length + 5, undefined],
      [10, 0],
    ] as const) {
      const chunks = await all(store.cat(cid, { offset, ...(length === undefined ? {} : { length }) }))
      t.ok(Buffer.concat(chunks).equals(bytes.subarray(offset, length === undefined ? undefined : offset + length)), `${offset} +${length}`)
      t.ok(chunks.every((chunk) => chunk.length <= mebibyte))
    }
  })

  t.test('an empty file is a file', async (t) => {
    const store = await fresh(t)
    const artifact = await store.addFile(new Uint8Array(0), { name: 'nothing' })
    t.same(artifact, { name: 'nothing', cid: emptyFile, size: 0 })
    t.equal(await text(store, emptyFile), '')
    t.same(await store.stat(emptyFile), { name: emptyFile, cid: emptyFile, size: 0, type: 'file' })
    t.equal((await store.getBlock(emptyFile)).length, 0)
  })

  t.test('a tree is listed in order of name bytes, with sizes, and its files are found by path', async (t) => {
    const store = await fresh(t)
    const tree = await store.addTree(
      tiny({ 'b/c/deep.txt': 'deep', 'b/a.txt': 'aa', 'é.txt': 'x', '\u{1f600}.txt': 'xx', '\uffee.txt': 'xxx', 'Z.txt': 'z' }),
      { name: 'tree' },
    )
    t.match(tree, { name: 'tree', size: 13 })
    t.same(
      (await all(store.ls(tree.cid))).map(({ name, type, size }) => [name, type, size]),
      [
        ['Z.txt', 'file', 1],
        ['b', 'directory', 6],
        ['é.txt', 'file', 1],
        ['\uffee.txt', 'file', 3],
        ['\u{1f600}.txt', 'file', 2],
      ],
    )
    t.equal(await text(store, `${tree.cid}/b/c/deep.txt`), 'deep')
    t.match(await store.stat(`${tree.cid}/b`), { name: 'b', type: 'directory', size: 6 })
    t.match(await store.stat(tree.cid), { type: 'directory', size: 13 })
  })

  t.test('an empty tree is an empty directory', async (t) => {
    const store = await fresh(t)
    t.match(await store.addTree([]), { cid: emptyDirectory, size: 0 })
    t.same(await all(store.ls(emptyDirectory)), [])
  })

  t.test('a directory of thousands of names is a trie that is listed and searched like any other', async (t) => {
    const store = await fresh(t)
    const entries = Array.from({ length: 6000 }, (_, i) => ({ path: `file-${i}.txt`, content: Buffer.from(String(i)) }))
    const { cid, size } = await store.addTree(entries)
    const listed = await all(store.ls(cid))
    t.same(
      listed.map(({ name }) => name),
      entries.map(({ path }) => path).sort(),
    )
    t.equal(
      listed.reduce((sum, entry) => sum + entry.size, 0),
      size,
    )
    t.equal(await text(store, `${cid}/file-4711.txt`), '4711')
    await t.rejects(text(store, `${cid}/file-6000.txt`), { code: 'NOT_FOUND' })
    t.equal((await store.addTree(entries.reverse())).cid, cid, 'in whatever order they come')
  })

  t.test('what is not there is NOT_FOUND and names the block', async (t) => {
    const store = await fresh(t)
    await t.rejects(store.getBlock(nowhere), { code: 'NOT_FOUND', cid: nowhere })
    await t.rejects(text(store, nowhere), { code: 'NOT_FOUND', cid: nowhere })
    await t.rejects(store.stat(nowhere), { code: 'NOT_FOUND', cid: nowhere })
    await t.rejects(store.pin(nowhere, 'p'), { code: 'NOT_FOUND' })
    t.equal(await store.has(nowhere), false)
    const { cid } = await store.addTree(tiny({ a: 'a' }))
    await t.rejects(store.stat(`${cid}/b`), { code: 'NOT_FOUND' })
    await t.rejects(store.stat(`${cid}/a/b`), { code: 'NOT_FOUND' })
  })

  t.test('what is no address, or another sort of thing, is refused', async (t) => {
    const store = await fresh(t)
    const { cid } = await store.addTree(tiny({ a: 'a' }))
    await t.rejects(text(store, 'no-address'), { code: 'BAD_DATA' })
    await t.rejects(text(store, cid), { code: 'BAD_DATA' }, 'cat of a directory')
    await t.rejects(all(store.ls(`${cid}/a`)), { code: 'BAD_DATA' }, 'ls of a file')
    await t.rejects(store.stat(`${cid}/../a`), { code: 'BAD_PATH' })
  })

  t.test('names that would leave their folder, come twice or lie below a file are refused', async (t) => {
    const store = await fresh(t)
    for (const path of ['../x', 'a/../../x', '/etc/x', '', '.', 'a/\0', 'a\nb', 'a\\b', 'x'.repeat(256), '\ud800']) {
      await t.rejects(store.addTree([{ path, content: Buffer.from('x') }]), { code: 'BAD_PATH' }, JSON.stringify(path.slice(0, 20)))
    }
    await t.rejects(store.addTree([...tiny({ a: '1' }), ...tiny({ './a': '2' })]), { code: 'BAD_PATH' })
    await t.rejects(store.addTree(tiny({ a: '1', 'a/b': '2' })), { code: 'BAD_PATH' })
    await t.rejects(store.addTree(tiny({ 'a/b': '1', a: '2' })), { code: 'BAD_PATH' })
    await t.rejects(store.link([{ name: '..', cid: nowhere, size: 1 }]), { code: 'BAD_PATH' })
  })

  t.test('a link over files makes the directory that a tree of them is, wherever they lie', async (t) => {
    const [here, there] = [await fresh(t), await fresh(t)]
    const contents: Record<string, Buffer> = { 'part-00000': noise('p', 2 * mebibyte + 5), 'part-00001': Buffer.from('small'), 'part-00002': Buffer.alloc(0) }
    const entries = Object.entries(contents).map(([path, content]) => ({ path, content }))
    const tree = await here.addTree(entries)
    const artifacts = await Promise.all(entries.map(({ path, content }) => there.addFile(content, { name: path })))
    const elsewhere = await fresh(t)
    t.same({ ...(await elsewhere.link(artifacts, { pin: 'job' })), name: '' }, { ...tree, name: '' })
    t.equal((await elsewhere.link([...artifacts].reverse())).cid, tree.cid, 'in whatever order')
    await t.rejects(elsewhere.link([...artifacts, ...artifacts.slice(0, 1)]), { code: 'BAD_PATH' }, 'a name twice')
  })

  t.test('a block is kept under its own address only', async (t) => {
    const [store, other] = [await fresh(t), await fresh(t)]
    const { cid } = await other.addFile(Buffer.from('block'))
    await t.rejects(store.putBlock(cid, Buffer.from('another')), { code: 'BAD_BLOCK', cid })
    await t.rejects(store.putBlock(cid, Buffer.alloc(2 * mebibyte + 1)), { code: 'TOO_LARGE' })
    t.equal(await store.has(cid), false)
    await store.putBlock(cid, Buffer.from('block'))
    await store.putBlock(cid, Buffer.from('block'))
    t.equal(await store.has(cid), true)
    t.equal(Buffer.from(await store.getBlock(cid)).toString(), 'block')
  })

  t.test('a CAR carries a DAG from store to store, and nothing else passes', async (t) => {
    const [from, to] = [await fresh(t), await fresh(t)]
    const tree = await from.addTree([{ path: 'big', content: noise('c', 2 * mebibyte) }, ...tiny({ 'x/y': 'y', 'x/z': 'y' })])
    const car = Buffer.concat(await all(from.exportCar(tree.cid)))
    t.same(await to.importCar(pieces(car, 10_000), { expectRoot: tree.cid, name: 'tree', pin: 'p' }), { ...tree, name: 'tree' })
    t.equal(await text(to, `${tree.cid}/x/z`), 'y')
    t.same(await all(to.pins('p')), [{ cid: tree.cid, name: 'p', status: 'pinned' }])

    const third = await fresh(t)
    const other = await from.addFile(Buffer.from('other'))
    await t.rejects(third.importCar(pieces(car, 10_000), { expectRoot: other.cid }), { code: 'BAD_DATA' }, 'not the expected root')
    await t.rejects(third.importCar(pieces(car.subarray(0, -1), 10_000), { expectRoot: tree.cid }), { code: 'BAD_DATA' }, 'cut within a block')
    await t.rejects(
      third.importCar(pieces(Buffer.concat(await all(from.exportCar(tree.cid, { scope: 'block' }))), 10_000), { expectRoot: tree.cid }),
      { code: 'BAD_DATA' },
      'a block is missing',
    )
    await t.rejects(
      third.importCar(pieces(Buffer.concat([car, car.subarray(59)]), 10_000), { expectRoot: tree.cid }),
      { code: 'BAD_DATA' },
      'more than the DAG',
    )
    const wrong = Buffer.from(car)
    wrong[wrong.length - 1] = (wrong.at(-1) ?? 0) ^ 1
    await t.rejects(third.importCar(pieces(wrong, 10_000), { expectRoot: tree.cid }), { code: 'BAD_BLOCK' }, 'a flipped bit')
    await t.rejects(third.importCar(pieces(Buffer.from('<html>'), 3), { expectRoot: tree.cid }), { code: 'BAD_DATA' }, 'not a CAR')
  })

  t.test('a CAR is of a block, of a file or directory alone, or of all below it', async (t) => {
    const store = await fresh(t)
    const { cid } = await store.addTree([{ path: 'd/big', content: noise('c', 2 * mebibyte) }, ...tiny({ 'd/small': 's', top: 't' })])
    const size = async (address: string, scope: 'block' | 'entity' | 'all') => {
      let blocks = 0
      for await (const _ of store.exportCar(address, { scope })) blocks++
      return (blocks - 1) / 2
    }
    t.same([await size(cid, 'block'), await size(cid, 'entity'), await size(cid, 'all')], [1, 1, 7])
    t.same([await size(`${cid}/d/big`, 'block'), await size(`${cid}/d/big`, 'entity'), await size(`${cid}/d/big`, 'all')], [1, 3, 3])
    const linked = await store.link([{ name: 'gone', cid: nowhere, size: 11 }])
    t.equal(await size(linked.cid, 'entity'), 1)
    await t.rejects(size(linked.cid, 'all'), { code: 'NOT_FOUND', cid: nowhere })
  })

  t.test('pins have names, and a name has many roots', async (t) => {
    const store = await fresh(t)
    const [a, b] = [await store.addFile(Buffer.from('a'), { pin: 'one' }), await store.addFile(Buffer.from('b'), { pin: 'one' })]
    await store.pin(a.cid, 'two')
    await store.pin(a.cid, 'two')
    const named = async (name?: string) => (await all(store.pins(name))).map((pin) => `${pin.name} ${pin.cid}`).sort()
    t.same(await named(), [`one ${a.cid}`, `one ${b.cid}`, `two ${a.cid}`].sort())
    await store.unpin('one', b.cid)
    t.same(await named('one'), [`one ${a.cid}`])
    await store.unpin('one')
    await store.unpin('nobody')
    t.same(await named(), [`two ${a.cid}`])
  })

  t.test('a pin needs all blocks, unless it is partial', async (t) => {
    const [store, other] = [await fresh(t), await fresh(t)]
    const artifact = await other.addFile(Buffer.from('elsewhere'), { name: 'file' })
    const { cid } = await store.link([artifact])
    await t.rejects(store.pin(cid, 'whole'), { code: 'NOT_FOUND', cid: artifact.cid })
    await store.pin(cid, 'part', { partial: true })
    t.same(
      (await all(store.pins())).map(({ name }) => name),
      ['part'],
    )
  })

  t.test('collection removes what no pin reaches and keeps all else', async (t) => {
    const store = await fresh(t)
    const dead = await store.addFile(noise('dead', 3 * mebibyte))
    const pinned = await store.addTree([{ path: 'f', content: noise('live', mebibyte + 1) }], { pin: 'keep' })
    const linked = await store.link([{ name: 'gone', cid: nowhere, size: 11 }], { pin: 'link' })
    const before = await store.usage()
    const { freed } = await store.gc()
    const after = await store.usage()
    t.equal(await store.has(dead.cid), false)
    t.ok(Buffer.concat(await all(store.cat(`${pinned.cid}/f`))).equals(noise('live', mebibyte + 1)))
    t.equal(await store.has(linked.cid), true)
    t.ok(after.blocks < before.blocks)
    t.equal(before.bytes - after.bytes, freed)
    await store.unpin('keep')
    await store.gc()
    t.equal(await store.has(pinned.cid), false)
    t.equal((await store.addFile(noise('dead', 3 * mebibyte))).cid, dead.cid, 'and may come again')
    t.ok(Buffer.concat(await all(store.cat(dead.cid))).equals(noise('dead', 3 * mebibyte)))
  })

  t.test('collection takes nothing from an add that is under way', async (t) => {
    const store = await fresh(t)
    await store.addFile(noise('met', mebibyte))
    const { promise: go, resolve } = Promise.withResolvers<void>()
    const { promise: started, resolve: start } = Promise.withResolvers<void>()
    const adding = store.addFile(
      (async function* () {
        yield noise('met', mebibyte)
        yield noise('new', mebibyte)
        start()
        await go
        yield noise('end', 10)
      })(),
      { pin: 'p' },
    )
    await started
    await store.gc()
    resolve()
    const { cid } = await adding
    await store.gc()
    t.ok(Buffer.concat(await all(store.cat(cid))).equals(Buffer.concat([noise('met', mebibyte), noise('new', mebibyte), noise('end', 10)])))
  })

  t.test('a call ends when its signal is aborted', async (t) => {
    const store = await fresh(t)
    const abort = new AbortController()
    const endless = async function* () {
      for (let i = 0; ; i++) {
        if (i === 2) abort.abort()
        yield noise(String(i), mebibyte)
      }
    }
    await t.rejects(store.addFile(endless(), { signal: abort.signal, pin: 'never' }), { name: 'AbortError' })
    t.same(await all(store.pins('never')), [])
    const { cid } = await store.addFile(noise('d', 3 * mebibyte))
    await t.rejects(all(store.cat(cid, { signal: abort.signal })), { name: 'AbortError' })
  })

  t.test('a source that fails fails the add with its own error', async (t) => {
    const store = await fresh(t)
    const broken = async function* () {
      yield noise('e', 2 * mebibyte)
      throw new Error('no more')
    }
    await t.rejects(store.addFile(broken()), { message: 'no more' })
    await t.rejects(store.addFile({ file: join(t.testdir(), 'absent') }), { code: 'NO_INPUT' })
    await t.rejects(store.addFile({ file: t.testdir() }), { code: 'NO_INPUT' })
  })

  if (reopen === undefined) return
  t.test('what was kept is there after the process died', async (t) => {
    const store = await open(t)
    const made = await Promise.all(Array.from({ length: 20 }, (_, i) => store.addFile(noise(`f${i}`, i * 100_000), { pin: `pin-${i}` })))
    const tree = await store.addTree(tiny({ 'a/b': 'c' }), { pin: 'tree' })
    await store.unpin('pin-3')
    const again = await reopen(t, store)
    t.teardown(() => again.close())
    for (const [i, { cid }] of made.entries()) t.ok(Buffer.concat(await all(again.cat(cid))).equals(noise(`f${i}`, i * 100_000)), `file ${i}`)
    t.equal(await text(again, `${tree.cid}/a/b`), 'c')
    t.equal((await all(again.pins())).length, 20)
    t.same(await all(again.pins('pin-3')), [])
  })
}

/** Bytes that look random and are the same each time. */
export function noise(seed: string, length: number): Buffer {
  const block = createHash('shake256', { outputLength: Math.min(length, 65_536) || 1 })
    .update(seed)
    .digest()
  const bytes = Buffer.alloc(length)
  for (let at = 0, i = 0; at < length; at += block.length, i++) {
    block.copy(bytes, at)
    bytes.writeUInt8(i & 255, at)
  }
  return bytes
}

export async function all<T>(source: AsyncIterable<T>): Promise<T[]> {
  const items: T[] = []
  for await (const item of source) items.push(item)
  return items
}

export async function text(store: Pick<Store, 'cat'>, address: string): Promise<string> {
  return Buffer.concat(await all(store.cat(address))).toString()
}

export async function* pieces(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
}

export function tiny(files: Record<string, string>) {
  return Object.entries(files).map(([path, content]) => ({ path, content: Buffer.from(content) }))
}

/** The code of what a call throws, for messages. */
export async function failing(call: Promise<unknown>): Promise<string | undefined> {
  return call.then(() => undefined, codeOf)
}
