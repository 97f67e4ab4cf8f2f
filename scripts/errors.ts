/** `npm run docs`: docs/ERRORS.md from the error table. */
import { writeFileSync } from 'node:fs'
import { errors } from '../src/core/errors.ts'

const retries = {
  elsewhere: 'tries another node',
  later: 'tries again later',
  never: 'gives up',
} as const

/** The page, as it should be. */
export function errorsPage(): string {
  const rows = Object.entries(errors).sort(([a], [b]) => (a < b ? -1 : 1))
  return `# Errors

Every error has a code. It stands at the head of what a command prints, in the error object of \`--json\`, in logs and in messages between nodes.
*Exit* is the status of a command that ends with it. *Then* is what a coordinator does with a task that failed so.

Made from \`src/core/errors.ts\` by \`npm run docs\`; a test checks that they agree.

| code | about | exit | then |
|---|---|---|---|
${rows.map(([code, { about, exit, retry }]) => `| \`${code}\` | ${about} | ${exit} | ${retries[retry]} |`).join('\n')}
`
}

if (import.meta.main) writeFileSync('docs/ERRORS.md', errorsPage())
