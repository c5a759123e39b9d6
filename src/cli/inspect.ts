import type { CommandContext } from "./command.ts";
export function inspectData(_prefix: string, _o: unknown, _context: CommandContext): Promise<void> {
  return Promise.resolve();
}
