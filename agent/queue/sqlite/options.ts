/** What a user of this backend chooses. */
import type { Durability, Notice } from './file.ts'

export interface SqliteQueueOptions {
  /** The file, or ':memory:'. One process opens it at a time. */
  readonly path: string
  /** What a power cut may take back: 'normal' about a second, 'full' nothing that was acknowledged. A crash of the process takes nothing. @default 'normal' */
  readonly durability?: Durability
  /** Told when something had to be done that a user should know, as a damaged file set aside. */
  readonly onNotice?: (notice: Notice) => void
}
