/** What a user of this backend chooses. */
import type { Durability, Notice } from './file.ts'

export interface SqliteQueueOptions {
  /** The file, or ':memory:'. One process opens it at a time. */
  readonly path: string
  /** What a power cut may take back: 'normal' about a second, 'full' nothing that was acknowledged. A crash of the process takes nothing. @default 'normal' */
  readonly durability?: Durability
  /** The path is this program's alone: a file that makes no sense there is a damaged queue, and kept aside. Else it is refused. @default false */
  readonly isOurs?: boolean
  /** Told when something had to be done that a user should know, as a damaged file set aside. */
  readonly onNotice?: (notice: Notice) => void
}
