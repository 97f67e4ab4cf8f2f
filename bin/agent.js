#!/usr/bin/env node
/** The door of `ipdc-agent`. */
require('./door.js')('agent/main')
