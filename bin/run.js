#!/usr/bin/env node
/** The door of `ipdc`. */
require('./door.js')('src/commands/main')
