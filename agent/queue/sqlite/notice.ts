/** What happens to a queue file and to nobody's call. */

export type Notice =
  /** What is damaged lies under the name `kept` now. */
  | { readonly is: 'set-aside'; readonly path: string; readonly kept: string; readonly cause: unknown }
  /** A sync failed once: what was written was read back, checked, written again, and is on disk. */
  | { readonly is: 'mended'; readonly path: string; readonly cause: unknown }
  /** The disk does not take what was committed. Told once, until it is `recovered`. */
  | { readonly is: 'failing'; readonly path: string; readonly cause: unknown }
  | { readonly is: 'recovered'; readonly path: string }

export type OnNotice = (notice: Notice) => void
