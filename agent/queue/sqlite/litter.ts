/** Bodies of jobs that are gone. They leave the table in groups: a page that holds several is then written once, not for each. */
import type { Sql } from './file.ts'
import { perQueue } from './schema.ts'

/** So many at once. After a crash, what was not swept yet is swept at open. */
const litterMax = 128

export class Litter {
  #numbers: number[] = []

  /** The job of this number is gone; its body goes with others. */
  drop(sql: Sql, n: number): void {
    sql.after(() => this.#numbers.push(n))
    if (this.#numbers.length >= litterMax) this.sweep(sql)
  }

  /** The bodies of this queue are gone, and its numbers may be given again. */
  forget(q: number): void {
    this.#numbers = this.#numbers.filter((n) => Math.floor(n / perQueue) !== q)
  }

  sweep(sql: Sql): void {
    if (this.#numbers.length === 0) return
    const swept = this.#numbers
    this.#numbers = []
    sql.undo(() => {
      this.#numbers = [...swept, ...this.#numbers]
    })
    sql.run('DELETE FROM body WHERE n IN (SELECT value FROM json_each(?))', JSON.stringify(swept))
  }
}
