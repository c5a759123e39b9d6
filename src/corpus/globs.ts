/**
 * File globs: `*` and `?` within a path component, `**` across components, `[a-z]`, `[!a]`, `{a,b}`.
 *
 * As in .gitignore, a pattern without a slash matches a component at any depth, one with a slash matches from the
 * root, and a pattern that matches a folder matches all that is in it.
 */
import { UserError } from "../errors.ts";

/** Whether a path, relative and with forward slashes, matches. */
export type GlobMatcher = (path: string) => boolean;

/**
 * A matcher for any of several patterns; with no patterns it matches nothing.
 * @throws UserError for a pattern with an unclosed bracket or brace.
 */
export function compileGlobs(patterns: readonly string[]): GlobMatcher {
  const expressions = patterns.map(globToRegExp);
  return (path) => expressions.some((expression) => expression.test(path));
}

function globToRegExp(pattern: string): RegExp {
  const fail = (what: string): UserError => new UserError(`${what} in the pattern "${pattern}"`, { where: "glob" });
  let glob = pattern.replace(/^\.\//, "");
  const folderOnly = glob.endsWith("/");
  if (folderOnly) glob = glob.replace(/\/+$/, "");
  const anchored = glob.includes("/");
  glob = glob.replace(/^\/+/, "");
  if (glob === "") throw fail("nothing to match");

  let source = "";
  let depth = 0;
  for (let i = 0; i < glob.length; i++) {
    const c = glob[i];
    if (c === "*") {
      if (glob[i + 1] !== "*") {
        source += "[^/]*";
        continue;
      }
      while (glob[i + 1] === "*") i++;
      if (glob[i + 1] === "/" && (source === "" || source.endsWith("/"))) {
        i++;
        source += "(?:[^/]+/)*";
      } else source += ".*";
    } else if (c === "?") source += "[^/]";
    else if (c === "[") {
      const end = glob.indexOf("]", i + 2);
      if (end < 0) throw fail("unclosed [");
      const body = glob.slice(i + 1, end).replace(/^[!^]/, "^").replace(/[\\\[]/g, "\\$&");
      source += `(?!/)[${body}]`;
      i = end;
    } else if (c === "{") {
      depth++;
      source += "(?:";
    } else if (c === "}" && depth > 0) {
      depth--;
      source += ")";
    } else if (c === "," && depth > 0) source += "|";
    else source += c.replace(/[.+^$()|\\\]{}]/, "\\$&");
  }
  if (depth > 0) throw fail("unclosed {");
  try {
    return new RegExp(`${anchored ? "^" : "(?:^|/)"}(?:${source})${folderOnly ? "/" : "(?:$|/)"}`, "su");
  } catch {
    throw fail("unreadable character range");
  }
}
