/**
 * Which documents are left out for what they are. A filter is a pure function of one document, so that documents can be
 * filtered in any thread and order; only duplicates (deduplicate.ts) need the others. Licences are not judged.
 */
import { UserError } from "../errors.ts";
import type { Document } from "./document.ts";
import { looksGenerated, looksMinified } from "./generated.ts";
import { languageNames } from "./languages.ts";
import { nonTextShare } from "./non_text.ts";
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
