/**
 * Another program's benchmark beside ours: both run in turns in one go, so that a machine whose speed changes with time treats
 * them alike. The other program measures itself and says so by `step N ms` (or `step N s`) on its stdout.
 */
import { CodekilnError, UserError } from "../errors.ts";
import { median, prepareRounds, type Workload } from "./measure.ts";
import type { Device } from "../device/device.ts";

export interface Beside {
  readonly oursMs: number;
  readonly theirsMs: number;
}

/**
 * Finds the time of a step in what a benchmark printed.
 * @throws {UserError} where it is not there
 */
export function readStepMs(text: string, command: string): number {
  const found = text.match(/\bstep:?\s+([\d.]+)\s*(ms|s)\b/);
  const ms = found ? Number(found[1]) * (found[2] === "s" ? 1000 : 1) : NaN;
  if (ms > 0) return ms;
  throw new UserError("did not print the time of a step", {
    where: `--beside '${command}'`,
    expected: '"step N ms" on stdout',
  });
}

/** Runs a shell command to its end. @returns the time of a step that it printed, in ms */
export async function runPeer(command: string, signal: AbortSignal): Promise<number> {
  const shell = Deno.build.os === "windows" ? ["cmd", "/d", "/c", command] : ["sh", "-c", command];
  const child = new Deno.Command(shell[0], {
    args: shell.slice(1),
    stdin: "null",
    stdout: "piped",
    stderr: "inherit",
    signal,
  });
  const { success, code, stdout } = await child.output();
  signal.throwIfAborted();
  if (!success) throw new CodekilnError(`ended with exit code ${code}`, { where: `--beside '${command}'` });
  return readStepMs(new TextDecoder().decode(stdout), command);
}

/** Rounds of ours in a turn; the middle one counts, after one that does not: the other program has used the caches. */
const ROUNDS_A_TURN = 3;

/** Times a workload and another program in turns; one result a turn. */
export async function* timeBeside(
  device: Device,
  work: Workload,
  command: string,
  { rounds, roundMs, signal }: { rounds: number; roundMs: number; signal: AbortSignal },
): AsyncGenerator<Beside> {
  using prepared = await prepareRounds(device, work, roundMs);
  for (let i = 0; i < rounds; i++) {
    signal.throwIfAborted();
    await prepared.round();
    const ours: number[] = [];
    for (let j = 0; j < ROUNDS_A_TURN; j++) ours.push(await prepared.round());
    yield { oursMs: median(ours), theirsMs: await runPeer(command, signal) };
  }
}

/** The middle of the rounds, of each and of the rounds' ratios (theirs / ours: above 1 where ours is faster). */
export function summarize(rounds: readonly Beside[]): Beside & { readonly ratio: number } {
  return {
    oursMs: median(rounds.map(({ oursMs }) => oursMs)),
    theirsMs: median(rounds.map(({ theirsMs }) => theirsMs)),
    ratio: median(rounds.map(({ oursMs, theirsMs }) => theirsMs / oursMs)),
  };
}
