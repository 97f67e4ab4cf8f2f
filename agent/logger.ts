/** Log lines as JSON on standard output: whoever starts the agent decides where they go. */
import { pino } from 'pino'
import type { Log } from '../src/core/log.ts'
import { createLogOutput } from './log-output.ts'

export function openLogger(level: 'debug' | 'info' | 'warn' | 'error'): Log {
  const output = createLogOutput(
    1,
    (dropped) => `${JSON.stringify({ level: 40, time: new Date().toISOString(), dropped, msg: 'log lines could not be written' })}\n`,
  )
  const logger = pino({ level, base: null, timestamp: pino.stdTimeFunctions.isoTime }, output)
  return bind(logger)
}

function bind(logger: pino.Logger): Log {
  return {
    debug: (fields, message) => logger.debug(fields, message),
    info: (fields, message) => logger.info(fields, message),
    warn: (fields, message) => logger.warn(fields, message),
    error: (fields, message) => logger.error(fields, message),
    child: (fields) => bind(logger.child(fields)),
  }
}
