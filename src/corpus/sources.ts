/** The inputs themselves: files, folders in order with the next few files opened ahead, and standard input. */
import { UserError } from "../errors.ts";
import type { Block } from "./block.ts";
import { createByteReader } from "./bytes.ts";
import { countSkipped, type ReadContext, readItem } from "./content.ts";
import type { Filter } from "./filter.ts";
import { type FoundFile, walkFolder } from "./folder.ts";
import { inputError, type InputFile, openInputFile, streamInput } from "./input.ts";
import { kindOfName } from "./kinds.ts";

const PREFETCHED_FILES = 8;

/** An input that inflates to more than `bytes` and more than `ratio` times its own size is refused. */
export interface Inflation {
  bytes: number;
  ratio: number;
}

export interface InputOptions {
  /** What the path `-` reads; default Deno.stdin. */
  stdin: ReadableStream<Uint8Array> | undefined;
  inflation: Inflation;
}

/**
 * The blocks of all inputs, in order.
 * @throws UserError for a missing path or inputs that make no sense.
 */
export async function* readInputs(
  paths: readonly string[],
  context: ReadContext,
  { stdin, inflation }: InputOptions,
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
      else if (stat.isDirectory) yield* readFolder(context, path, inflation);
      else yield* readFile(context, path, path, true, inflation);
    }
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
    else {for await (const file of walkFolder(path, filter, () => {}, signal)) {
        total += (await Deno.lstat(file.path)).size;
      }}
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
  path: string,
  name: string,
  explicit: boolean,
  inflation: Inflation,
  opened?: InputFile,
): AsyncGenerator<Block> {
  const { report, signal } = context;
  report.current = path;
  const file = opened ?? await openInputFile(path, (bytes) => report.bytesRead += bytes, signal);
  try {
    const reader = createByteReader(file.stream());
    const own = forInput(context, inflation, () => file.bytesRead);
    yield* readItem(own, { label: path, name, reader, explicit, depth: 0, randomAccess: file });
  } finally {
    file.close();
  }
}

/** Reads the files of a folder in order, the next few being opened and begun meanwhile. */
async function* readFolder(context: ReadContext, root: string, inflation: Inflation): AsyncGenerator<Block> {
  const { report, signal } = context;
  const files = walkFolder(root, context.filter, (why) => countSkipped(report, why), signal);
  const open = async (path: string): Promise<InputFile> => {
    const file = await openInputFile(path, (bytes) => report.bytesRead += bytes, signal);
    try {
      const kind = kindOfName(path);
      if (kind !== "zip" && kind !== "parquet") await file.prefetch();
      return file;
    } catch (error) {
      file.close();
      throw error;
    }
  };
  const queue: { found: FoundFile; opening: Promise<InputFile> }[] = [];
  try {
    for (let walking = true; walking || queue.length > 0;) {
      while (walking && queue.length < PREFETCHED_FILES) {
        const next = await files.next();
        if (next.done) walking = false;
        else {
          const opening = open(next.value.path);
          opening.catch(() => {});
          queue.push({ found: next.value, opening });
        }
      }
      const head = queue.shift();
      if (head === undefined) return;
      yield* readFile(context, head.found.path, head.found.relative, false, inflation, await head.opening);
    }
  } finally {
    for (const { opening } of queue) await opening.then((file) => file.close(), () => {});
  }
}
