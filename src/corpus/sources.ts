/**
 * The inputs themselves: files, folders in order, and standard input; each block is held against the place from which an earlier
 * reading is to go on.
 */
import { UserError } from "../errors.ts";
import type { Block } from "./block.ts";
import { createBreather } from "./breathe.ts";
import { type ByteStream, createByteReader } from "./bytes.ts";
import { isSmallText, type ReadContext, readItem, readSmallText } from "./content.ts";
import type { Filter } from "./filter.ts";
import { walkFolder } from "./folder.ts";
import { inputError, type InputFile, streamInput } from "./input.ts";
import type { Place } from "./place.ts";
import { openFolderFiles, openNamedFile } from "./read_files.ts";

/** An input that inflates to more than `bytes` and more than `ratio` times its own size is refused. */
export interface Inflation {
  bytes: number;
  ratio: number;
}

export interface InputOptions {
  /** What the path `-` reads; default Deno.stdin. */
  stdin: ReadableStream<Uint8Array> | undefined;
  inflation: Inflation;
  /** Where the reading begins; keeps how far it has come. */
  place: Place;
}

/**
 * The blocks of all inputs, in order.
 * @throws UserError for a missing path or inputs that make no sense.
 */
export async function* readInputs(
  paths: readonly string[],
  context: ReadContext,
  { stdin, inflation, place }: InputOptions,
): AsyncGenerator<Block> {
  const { report, signal } = context;
  signal?.throwIfAborted();
  if (paths.length === 0) throw new UserError("no input was given", { expected: "files, folders or -" });
  if (paths.filter((path) => path === "-").length > 1) {
    throw new UserError("standard input can only be read once", { where: "-" });
  }
  const inputs: Input[] = [];
  for (const path of paths) {
    try {
      inputs.push({ path, stat: path === "-" ? null : await Deno.stat(path) });
    } catch (error) {
      throw inputError(path, error);
    }
  }
  const sizing = new AbortController();
  const sized = measure(inputs, context.filter, sizing.signal).then((total) => report.totalBytes = total, () => {});
  try {
    for (const { path, stat } of inputs) {
      if (stat === null) yield* readStdin(context, stdin ?? Deno.stdin.readable, inflation);
      else if (stat.isDirectory) yield* readFolder(context, path, { inflation, place });
      else yield* readNamedFile(context, path, { inflation, place });
    }
    place.end();
    await sized;
  } finally {
    sizing.abort();
    await sized;
  }
}

type Input = { path: string; stat: Deno.FileInfo | null };

/** Bytes of all inputs as stored, or null where one is a stream. Runs beside the reading. */
async function measure(inputs: Input[], filter: Filter, signal: AbortSignal): Promise<number | null> {
  if (inputs.some(({ stat }) => stat === null || !(stat.isFile || stat.isDirectory))) return null;
  let total = 0;
  for (const { path, stat } of inputs) {
    if (stat?.isFile) total += stat.size;
    else total += await measureFolder(path, filter, signal);
  }
  return total;
}

/** How long sizes are asked for at a time. */
const MEASURE_MS = 10;

async function measureFolder(path: string, filter: Filter, signal: AbortSignal): Promise<number> {
  const breathe = createBreather(signal, MEASURE_MS);
  let total = 0;
  for (const file of walkFolder(path, filter, () => {}, signal)) {
    if (file !== null) total += Deno.lstatSync(file.path).size;
    const breath = breathe();
    if (breath) await breath;
  }
  return total;
}

/** The context for one input, of which `bytesRead()` have been read, with its own account of what decompression made of it. */
function forInput(context: ReadContext, inflation: Inflation, bytesRead: () => number): ReadContext {
  let inflated = 0;
  return {
    ...context,
    inflated(bytes, label) {
      inflated += bytes;
      if (inflated <= inflation.bytes || inflated <= inflation.ratio * bytesRead()) return;
      throw new UserError(`it has inflated to more than ${inflation.ratio} times its size: a decompression bomb?`, {
        where: label,
        expected: `at most ${inflation.ratio} times, or ${inflation.bytes} bytes`,
        hint: "leave it out with --exclude, or raise --max_inflation",
      });
    },
  };
}

async function* readStdin(
  context: ReadContext,
  stream: ReadableStream<Uint8Array>,
  inflation: Inflation,
): AsyncGenerator<Block> {
  context.report.current = "-";
  let bytesRead = 0;
  const count = (bytes: number): void => {
    bytesRead += bytes;
    context.report.bytesRead += bytes;
  };
  const bytes = streamInput(stream, count, context.signal);
  yield* readItem(forInput(context, inflation, () => bytesRead), {
    label: "-",
    name: "-",
    reader: createByteReader(bytes),
    explicit: true,
    depth: 0,
  });
}

async function* readFile(
  context: ReadContext,
  { path, name, explicit, file }: { path: string; name: string; explicit: boolean; file: InputFile },
  { inflation, place }: Account,
): AsyncGenerator<Block> {
  context.report.current = path;
  try {
    if (!explicit && isSmallText(context, { name, size: file.size })) {
      const block = await readSmallText(context, path, name, file.bytes);
      const fresh = block && place.fresh(block);
      if (fresh) yield fresh;
      place.endOfFile();
      return;
    }
    const reader = createByteReader(file.stream());
    const readOn = (): { line: number; offset: number; bytes: ByteStream } | null => {
      const from = place.readOn();
      return from && { ...from, bytes: file.stream(from.offset) };
    };
    const item = { label: path, name, reader, explicit, depth: 0, randomAccess: file, readOn };
    const own = forInput(context, inflation, () => file.bytesRead);
    for await (const block of readItem(own, item)) {
      const fresh = place.fresh(block);
      if (fresh !== null) yield fresh;
    }
    place.endOfFile();
  } finally {
    file.close();
  }
}

interface Account {
  inflation: Inflation;
  place: Place;
}

async function* readNamedFile(
  context: ReadContext,
  path: string,
  { inflation, place }: Account,
): AsyncGenerator<Block> {
  const { identity, file } = await openNamedFile(context, path, place.isBehind());
  place.enter(path, identity);
  if (file) yield* readFile(context, { path, name: path, explicit: true, file }, { inflation, place });
}

async function* readFolder(context: ReadContext, root: string, { inflation, place }: Account): AsyncGenerator<Block> {
  const breathe = createBreather(context.signal);
  for (const opened of openFolderFiles(context, root, place.isBehind)) {
    await breathe();
    if (opened === null) continue;
    const { found, identity, file } = opened;
    place.enter(found.path, identity);
    if (!file) continue;
    const folderFile = { path: found.path, name: found.relative, explicit: false, file };
    yield* readFile(context, folderFile, { inflation, place });
  }
}
