/**
 * Tells files that programs wrote (generated code, lock files) and minified ones from what people write. Heuristics:
 * names that are customary, marks that generators leave at the top of a file, and the length of lines.
 */
import type { Document } from "./document.ts";

/** The part at the start of a file in which a generator's mark is looked for, bytes. */
const HEAD_BYTES = 4096;
const latin1 = new TextDecoder("latin1");

const GENERATED_NAMES = new RegExp(
  [
    String.raw`\.pb\.(go|cc|h|c|swift|dart)$`,
    String.raw`_pb2(_grpc)?\.pyi?$`,
    String.raw`_grpc\.pb\.go$`,
    String.raw`\.(g|freezed|designer|generated)\.(dart|cs|ts|js|swift)$`,
    String
      .raw`(^|/)(package-lock\.json|npm-shrinkwrap\.json|pnpm-lock\.yaml|(yarn|cargo|composer|poetry|pipfile|gemfile|deno|flake|uv)\.lock|go\.sum)$`,
    String.raw`\.(js|css|mjs)\.map$`,
  ].join("|"),
);

const automatic = String
  .raw`(?:auto[ -]?generated|(?:automatically|machine|tool)[ -]generated|generated automatically)`;
const doNot = String.raw`do(?: not|n't) (?:edit|modify|change|alter)`;
const GENERATED_MARKS = [
  new RegExp(String.raw`code generated\b.{0,200}?${doNot}`, "s"),
  /@generated\b/,
  /<auto-?generated/,
  new RegExp(String.raw`generated\b.{0,200}?\b${doNot}`, "s"),
  new RegExp(String.raw`${doNot}.{0,200}?\bgenerated\b`, "s"),
  new RegExp(
    String
      .raw`\b(?:file|code|source|header|module|class|script|document) (?:is|was|has been) (?:${automatic}|generated (?:by|from|with|using))`,
  ),
  new RegExp(String.raw`\b${automatic} (?:file|code|source|by|from|with|using)\b`),
  /^[^a-z0-9]*generated (?:by (?:the |an? )?[\w.-]+|from .{1,100} by )/m,
];

/** Whether a file's name, or a mark near its start, says that a program wrote it. */
export function looksGenerated({ path, text }: Pick<Document, "path" | "text">): boolean {
  if (GENERATED_NAMES.test(path.toLowerCase())) return true;
  const head = latin1.decode(text.subarray(0, HEAD_BYTES)).toLowerCase();
  return head.includes("generated") && GENERATED_MARKS.some((mark) => mark.test(head));
}

/** Languages that are minified to be sent to browsers: their lines are short as people write them. */
const BROWSER_LANGUAGES = new Set(["javascript", "typescript", "css", "json"]);
/** Languages in which a line is a paragraph. */
const PROSE = new Set([
  "markdown",
  "text",
  "restructuredtext",
  "asciidoc",
  "org",
  "latex",
  "html",
  "csv",
  "tsv",
  "jupyter",
]);
const MINIFIED_MEAN = 110;
const OTHER_MEAN = 300;
/** Shorter files are left alone, bytes. */
const MINIFIED_LEAST = 1000;

/**
 * Whether a file is minified: its name says so (`.min.js`), or it is of 1000 bytes and more and the mean length of the
 * lines that are not empty is above 110 bytes (JavaScript, TypeScript, CSS, JSON) or 300 (all others but prose).
 */
export function looksMinified({ path, text, language }: Document): boolean {
  if (/[.-]min\.(js|mjs|cjs|css|html|json|svg)$/i.test(path)) return true;
  if (text.length < MINIFIED_LEAST || language === null || PROSE.has(language)) return false;
  const limit = BROWSER_LANGUAGES.has(language) ? MINIFIED_MEAN : OTHER_MEAN;
  let lines = 0;
  let bytes = 0;
  for (let at = 0; at < text.length;) {
    const newline = text.indexOf(10, at);
    const end = newline < 0 ? text.length : newline;
    if (end > at) {
      lines++;
      bytes += end - at;
    }
    at = end + 1;
  }
  return lines > 0 && bytes > limit * lines;
}
