import t from 'tap'
import * as v from 'valibot'
import { TaskName } from '../../../src/core/wire/message.ts'

t.test("a task's name has no control characters, and no half pairs", async (t) => {
  for (const name of ['map/s3://bucket/key;x=1', 'map/é漢🚀', 'reduce/abc~2', 'x'.repeat(200)]) t.equal(v.is(TaskName, name), true, name)
  for (const name of ['', 'map/a\0b', 'map/a\nb', 'map/\x1b[2J', 'map/\x7f', 'map/\x85', 'map/\ud83d', 'x'.repeat(201)])
    t.equal(v.is(TaskName, name), false, JSON.stringify(name))
})
