/** A reader over one store that asks nobody else. */
import type { Store } from '../../src/core/ports.ts'
import type { Reader } from '../../src/core/transfer/fetch.ts'

export function localReader(store: Store): Reader {
  return {
    cat: (address, options) => store.cat(address, options),
    ls: (address, options) => store.ls(address, options),
    stat: (address, options) => store.stat(address, options),
  }
}
