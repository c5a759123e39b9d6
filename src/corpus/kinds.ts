/** What an input is by its name. */

export type ContentKind = "gzip" | "zstd" | "zip" | "tar" | "jsonl" | "parquet" | "unsupported" | "text";

const KINDS: Record<string, ContentKind> = {
  gz: "gzip",
  tgz: "gzip",
  zst: "zstd",
  zstd: "zstd",
  tzst: "zstd",
  zip: "zip",
  tar: "tar",
  jsonl: "jsonl",
  ndjson: "jsonl",
  parquet: "parquet",
  "7z": "unsupported",
  bz2: "unsupported",
  br: "unsupported",
  lz4: "unsupported",
  lzma: "unsupported",
  rar: "unsupported",
  tbz2: "unsupported",
  txz: "unsupported",
  xz: "unsupported",
  z: "unsupported",
};

function extensionOf(name: string): string {
  const base = name.slice(name.lastIndexOf("/") + 1);
  const dot = base.lastIndexOf(".");
  return dot > 0 ? base.slice(dot + 1).toLowerCase() : "";
}

/** The kind of a file by its extension; whatever is not a container is text. */
export function kindOfName(name: string): ContentKind {
  const extension = extensionOf(name);
  return Object.hasOwn(KINDS, extension) ? KINDS[extension] : "text";
}

/** A compressed file's name without its compression: `a.tar.gz` → `a.tar`, `a.tgz` → `a.tar`. */
export function innerName(name: string): string {
  const extension = extensionOf(name);
  if (kindOfName(name) !== "gzip" && kindOfName(name) !== "zstd") return name;
  return name.slice(0, name.length - extension.length - 1) + (/^t(gz|zst)$/.test(extension) ? ".tar" : "");
}

/** The innermost kind, looking through compression: `a.jsonl.zst` → jsonl. */
export function innermostKind(name: string): ContentKind {
  for (let inner = name;;) {
    const kind = kindOfName(inner);
    if (kind !== "gzip" && kind !== "zstd") return kind;
    inner = innerName(inner);
  }
}
