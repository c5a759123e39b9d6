/**
 * Which documents are left out for what they are. A filter is a pure function of one document, so that documents can be
 * filtered in any thread and order; only duplicates (deduplicate.ts) need the others. Licences are not judged.
 */
import { UserError } from "../errors.ts";
import type { Document } from "./document.ts";
import { looksGenerated, looksMinified } from "./generated.ts";
import { languageNames } from "./languages.ts";
import type { DropReason } from "./report.ts";
import { hasMoreCharacters } from "./text.ts";

/** What a filter asks of a document; what is absent, null or false asks nothing. */
export interface DocumentFilterOptions {
  /** Documents of this many characters (code points) or fewer are left out; default 10. Empty ones always are. */
  minDocLength?: number;
  /** Only documents in these languages, by the names of `languageNames()`. Those of unknown language are left out. */
  languages?: readonly string[];
  /** Largest document, bytes of UTF-8; of files also bytes as stored. */
  maxFileSize?: number | null;
  /** Longest line, characters. */
  maxLineLength?: number | null;
  /** Largest share of characters that are no text, 0 to 1: see `nonTextShare`. */
  maxNonText?: number | null;
  /** Leaves out what programs wrote: see `looksGenerated`. */
  skipGenerated?: boolean;
  /** Leaves out minified code: see `looksMinified`. */
  skipMinified?: boolean;
}

/** Why a document is left out (a counter of the report), or null where it stays. */
export type DocumentFilter = (document: Document) => DropReason | null;

/**
 * A filter for the options. The first reason that applies, in the order of the report, is the one given.
 * @throws UserError for a language that is not in the table.
 */
export function createDocumentFilter(options: DocumentFilterOptions = {}): DocumentFilter {
  const { minDocLength = 10, languages = [], skipGenerated = false, skipMinified = false } = options;
  const known = languageNames();
  for (const language of languages) {
    if (!known.includes(language)) {
      throw new UserError(`unknown language "${language}"`, { where: "languages", expected: known.join(", ") });
    }
  }
  const wanted = languages.length > 0 ? new Set(languages) : null;
  const maxFileSize = options.maxFileSize ?? Infinity;
  const maxLineLength = options.maxLineLength ?? Infinity;
  const maxNonText = options.maxNonText ?? 1;
  return (document) => {
    const { text, language } = document;
    if (text.length === 0) return "skippedEmpty";
    if (!hasMoreCharacters(text, minDocLength)) return "skippedShort";
    if (wanted !== null && (language === null || !wanted.has(language))) return "skippedLanguage";
    if (text.length > maxFileSize) return "skippedTooLarge";
    if (maxLineLength < text.length && hasLongerLine(text, maxLineLength)) return "skippedLongLines";
    if (maxNonText < 1 && nonTextShare(text) > maxNonText) return "skippedNonText";
    if (skipGenerated && looksGenerated(document)) return "skippedGenerated";
    if (skipMinified && looksMinified(document)) return "skippedMinified";
    return null;
  };
}

/** Whether a line of a UTF-8 text has more than `limit` characters, its end not counted. */
function hasLongerLine(text: Uint8Array, limit: number): boolean {
  for (let at = 0; at < text.length;) {
    const newline = text.indexOf(10, at);
    const end = newline < 0 ? text.length : newline;
    const line = text.subarray(at, end > at && text[end - 1] === 13 ? end - 1 : end);
    if (line.length > limit && hasMoreCharacters(line, limit)) return true;
    at = end + 1;
  }
  return false;
}

/**
 * The share of characters of a well-formed UTF-8 text that are not for reading: control characters (but tab, line feed,
 * vertical tab, form feed and carriage return), U+FFFD, which stands for what could not be decoded, private use, and
 * noncharacters. 0 for the empty text.
 */
export function nonTextShare(text: Uint8Array): number {
  let characters = 0;
  let odd = 0;
  for (let i = 0; i < text.length; i++) {
    const byte = text[i];
    if (byte < 127) {
      characters++;
      if (byte < 32 && (byte < 9 || byte > 13)) odd++;
      continue;
    }
    if (byte < 0xc0 && byte !== 127) continue;
    characters++;
    if (byte === 127) odd++;
    else if (byte === 0xc2) odd += text[i + 1] < 0xa0 ? 1 : 0; // U+0080 to U+009F
    else if (byte === 0xee) odd++; // U+E000 to U+EFFF, private use
    else if (byte === 0xef) odd += isOddEf(text[i + 1], text[i + 2]) ? 1 : 0;
    else if (byte >= 0xf0) odd += isOddPlane(text, i) ? 1 : 0;
  }
  return characters === 0 ? 0 : odd / characters;
}

/** U+F000 to U+FFFF by its second and third byte: private use, noncharacters, U+FFFD. */
function isOddEf(second: number, third: number): boolean {
  if (second < 0xa4) return true; // up to U+F8FF
  if (second === 0xb7) return third >= 0x90 && third <= 0xaf; // U+FDD0 to U+FDEF
  return second === 0xbf && third >= 0xbd; // U+FFFD to U+FFFF
}

/** Beyond the first plane: planes 15 and 16 are private use, the last two of each plane are noncharacters. */
function isOddPlane(text: Uint8Array, at: number): boolean {
  const first = text[at];
  if (first === 0xf4 || (first === 0xf3 && text[at + 1] >= 0xb0)) return true;
  return (text[at + 1] & 15) === 15 && text[at + 2] === 0xbf && text[at + 3] >= 0xbe;
}
