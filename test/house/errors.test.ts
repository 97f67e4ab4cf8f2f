/** docs/ERRORS.md says what the error table says. */
import { readFileSync } from 'node:fs'
import t from 'tap'
import { errorsPage } from '../../scripts/errors.ts'

t.test('docs/ERRORS.md is what npm run docs makes of the error table', async (t) => {
  t.equal(readFileSync('docs/ERRORS.md', 'utf8'), errorsPage())
})
