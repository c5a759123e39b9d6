/**
 * The shell header of the portable file: POSIX sh, padded to a fixed size, so that the payload's place is known.
 *
 * File format: header (`headerBytes`), gzip of app.js, gzip of the Deno binary. The first start unpacks both to
 * `${XDG_CACHE_HOME:-$HOME/.cache}/codekiln/<hash>/`, by way of a temporary folder and a rename: whoever comes second
 * in a race finds the folder complete, because a rename is one step.
 */

export const headerBytes = 2048;

export interface PortableParts {
  /** V8's flags for the processor of the binary. */
  readonly flags: readonly string[];
  /** Names the unpacked folder; differs when app or binary differ. */
  readonly hash: string;
  /** Size of the compressed app.js. */
  readonly appBytes: number;
}

/** The header's text, padded with spaces and newlines to `headerBytes`. */
export function portableHeader({ flags, hash, appBytes }: PortableParts): string {
  const script = `#!/bin/sh
# codekiln as one file: a Deno runtime and the program, unpacked once to the cache folder.
set -eu
PATH="\${PATH:-/usr/local/bin:/usr/bin:/bin}"; export PATH
if [ -n "\${XDG_CACHE_HOME:-}" ]; then cache="$XDG_CACHE_HOME/codekiln"
elif [ -n "\${HOME:-}" ]; then cache="$HOME/.cache/codekiln"
else cache="\${TMPDIR:-/tmp}/codekiln-$(id -u)"; fi
dir="$cache/${hash}"
if [ ! -x "$dir/deno" ]; then
  mkdir -p -m 700 "$cache" || { echo "error: $cache: cannot be made; set XDG_CACHE_HOME to a writable folder" >&2; exit 1; }
  [ -O "$cache" ] || { echo "error: $cache belongs to another user; set XDG_CACHE_HOME" >&2; exit 1; }
  new="$cache/new.${hash}.$$"
  trap 'rm -rf "$new"' EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM
  mkdir "$new"
  tail -c +${headerBytes + 1} "$0" | head -c ${appBytes} | gzip -dc > "$new/app.js" &&
  tail -c +${headerBytes + appBytes + 1} "$0" | gzip -dc > "$new/deno" &&
  chmod 755 "$new/deno" || { echo "error: $0 is damaged, or $cache is full" >&2; exit 1; }
  mv "$new" "$dir" 2>/dev/null || [ -x "$dir/deno" ] || { echo "error: $dir: cannot be written" >&2; exit 1; }
  rm -rf "$dir/new.${hash}.$$"
  trap - EXIT INT TERM
fi
DENO_DIR="$dir/deno_dir" DENO_NO_UPDATE_CHECK=1
export DENO_DIR DENO_NO_UPDATE_CHECK
flags="\${CODEKILN_V8_FLAGS-${flags.join(",")}}"
if [ -n "$flags" ]; then DENO_V8_FLAGS="\${DENO_V8_FLAGS:+$DENO_V8_FLAGS,}$flags"; export DENO_V8_FLAGS; fi
exec "$dir/deno" run -A --quiet --no-config --no-lock --cached-only "$dir/app.js" "$@"
exit 1
`;
  if (script.length > headerBytes) throw new RangeError(`the header takes ${script.length} bytes of ${headerBytes}`);
  return script.padEnd(headerBytes - 1, " ") + "\n";
}
