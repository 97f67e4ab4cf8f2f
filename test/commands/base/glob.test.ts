import t from 'tap'
import { baseOf, isGlob, matching, toRegExp } from '../../../src/commands/base/glob.ts'

const matches = (pattern: string, names: string[]) => names.filter((name) => toRegExp(pattern).test(name))

t.test('signs mean what they mean in a shell', (t) => {
  const names = ['a.md', 'b.txt', 'x/c.md', 'x/y/d.md', 'a+b.md', '[x].md']
  t.same(matches('*.md', names), ['a.md', 'a+b.md', '[x].md'])
  t.same(matches('**/*.md', names), ['a.md', 'x/c.md', 'x/y/d.md', 'a+b.md', '[x].md'])
  t.same(matches('x/**', names), ['x/c.md', 'x/y/d.md'])
  t.same(matches('?.{md,txt}', names), ['a.md', 'b.txt'])
  t.same(matches('[ab].*', names), ['a.md', 'b.txt'])
  t.same(matches('[!a].*', names), ['b.txt'])
  t.same(matches('a+b.md', names), ['a+b.md'])
  t.end()
})

t.test('what is not closed is a letter', (t) => {
  t.same(matches('[x', ['[x', 'x']), ['[x'])
  t.same(matches('{a', ['{a', 'a']), ['{a'])
  t.same(matches('a,b}', ['a,b}']), ['a,b}'])
  t.same(matches('{a,{b', ['a', '{b', 'b']), [])
  t.end()
})

t.test('the folder of a pattern is all before its first sign', (t) => {
  t.same(['a/b/*.md', '*.md', '/x/*/y', '/*', '../n/**/*.md'].map(baseOf), ['a/b', '', '/x', '/', '../n'])
  t.same(['a/b.md', 'a*', 'a?', 'a[b', 'a{b'].map(isGlob), [false, true, true, true, true])
  t.end()
})

t.test('files that match come in order; hidden ones only when they are named', async (t) => {
  const dir = t.testdir({ 'b.md': '', a: { 'c.md': '', 'd.txt': '' }, '.git': { 'e.md': '' }, '.f.md': '' })
  const found = async (pattern: string) => {
    const list: string[] = []
    for await (const path of matching(`${dir}/${pattern}`)) list.push(path)
    return list
  }
  t.same(await found('**/*.md'), ['a/c.md', 'b.md'])
  t.same(await found('.*.md'), ['.f.md'])
  t.same(await found('nothing*'), [])
})
