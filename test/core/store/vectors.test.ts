/** The published vectors of profile unixfs-v1-2025 (IPIP-499): the guard for every change of the import path. */
import { createCipheriv, createHash } from 'node:crypto'
import t from 'tap'
import { silent } from '../../../src/core/log.ts'
import { createEmbeddedStore } from '../../../src/core/store/embedded.ts'
import { isFull } from '../../ring.ts'

function keystream(seed: string) {
  const cipher = createCipheriv('chacha20', createHash('sha256').update(seed).digest(), Buffer.alloc(16))
  return (length: number) => cipher.update(Buffer.alloc(length))
}

async function* stream(seed: string, size: number) {
  const next = keystream(seed)
  for (let left = size; left > 0; left -= 1 << 20) yield next(Math.min(left, 1 << 20))
}

function* names(count: number, length: number, last: number) {
  const next = keystream('hamt-unixfs-v1-2025')
  const letters = 'abcdefghijklmnopqrstuvwxyz01234567890-_'
  for (let i = 0; i < count; i++) yield Array.from(next(i === count - 1 ? last : length), (byte) => letters[byte % 39]).join('')
}

const open = (path: string) => createEmbeddedStore({ path, limit: 4 * 2 ** 30, log: silent })

t.test('files', async (t) => {
  const store = await open(t.testdir())
  t.teardown(() => store.close())
  const vectors = [
    [1048576, 'bafkreiacndfy443ter6qr2tmbbdhadvxxheowwf75s6zehscklu6ezxmta'],
    [1048577, 'bafybeigmix7t42i6jacydtquhet7srwvgpizfg7gjbq7627d35mjomtu64'],
  ] as const
  t.equal((await store.addFile(Buffer.from('hello world'))).cid, 'bafkreifzjut3te2nhyekklss27nh3k72ysco7y32koao5eei66wof36n5e')
  for (const [size, cid] of vectors) {
    const artifact = await store.addFile(stream('chunk-v1-seed', size))
    t.equal(artifact.cid, cid)
    t.equal(artifact.size, size)
  }
})

t.test('directories on both sides of the threshold', async (t) => {
  const store = await open(t.testdir())
  t.teardown(() => store.close())
  const tree = (last: number) => Array.from(names(4766, 11, last), (path) => ({ path, content: Buffer.from('x') }))
  t.equal((await store.addTree(tree(21))).cid, 'bafybeic3h7rwruealwxkacabdy45jivq2crwz6bufb5ljwupn36gicplx4')
  t.equal((await store.addTree(tree(22))).cid, 'bafybeiegvuterwurhdtkikfhbxcldohmxp566vpjdofhzmnhv6o4freidu')
})

t.test('files of 1 GiB', { skip: isFull ? false : 'only with IPDC_TEST=full' }, async (t) => {
  const store = await open(t.testdir())
  t.teardown(() => store.close())
  t.equal((await store.addFile(stream('v1-2025-seed', 2 ** 30))).cid, 'bafybeihmf37wcuvtx4hpu7he5zl5qaf2ineo2lqlfrapokkm5zzw7zyhvm')
  t.equal((await store.addFile(stream('v1-2025-seed', 2 ** 30 + 1))).cid, 'bafybeibdsi225ugbkmpbdohnxioyab6jsqrmkts3twhpvfnzp77xtzpyhe')
})
