/** The commands that oclif sees: those that a call is about, filled in by main before oclif looks. One is loaded for one, all for help. */
import type { Command } from '@oclif/core/command'

export const COMMANDS: Record<string, Command.Class> = {}
