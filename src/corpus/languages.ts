/** Language names by file extension, and by the names that data sets use. Data only, and two look-ups. */

const EXTENSIONS: Record<string, string> = {
  ada: "ada adb ads",
  agda: "agda",
  apex: "apex",
  asciidoc: "adoc asciidoc",
  assembly: "asm s nasm",
  astro: "astro",
  awk: "awk",
  bash: "sh bash zsh ksh bats",
  batch: "bat cmd",
  bibtex: "bib",
  bison: "y yy ypp",
  c: "c h",
  clojure: "clj cljs cljc edn",
  cmake: "cmake",
  cobol: "cob cbl cpy",
  coffeescript: "coffee",
  cpp: "cpp cc cxx c++ hpp hh hxx h++ ipp tpp inl ixx cppm",
  crystal: "cr",
  csharp: "cs csx",
  css: "css",
  csv: "csv",
  cuda: "cu cuh",
  cython: "pyx pxd pxi",
  d: "d di",
  dart: "dart",
  diff: "diff patch",
  dockerfile: "dockerfile",
  elixir: "ex exs",
  elm: "elm",
  erlang: "erl hrl",
  fish: "fish",
  flex: "l lex",
  fortran: "f f77 f90 f95 f03 f08 for",
  fsharp: "fs fsi fsx",
  gdscript: "gd",
  glsl: "glsl vert frag comp geom tesc tese",
  go: "go",
  graphql: "graphql gql",
  groovy: "groovy gradle",
  haml: "haml",
  handlebars: "hbs handlebars",
  haskell: "hs lhs",
  haxe: "hx",
  hcl: "hcl tf tfvars",
  hlsl: "hlsl fx",
  html: "html htm xhtml",
  idris: "idr",
  ini: "ini cfg conf properties",
  java: "java",
  javascript: "js mjs cjs jsx",
  jinja: "jinja jinja2 j2",
  json: "json jsonc json5 webmanifest geojson",
  julia: "jl",
  jupyter: "ipynb",
  kotlin: "kt kts",
  latex: "tex sty cls",
  lean: "lean",
  less: "less",
  lisp: "lisp lsp el cl",
  llvm: "ll",
  lua: "lua luau",
  make: "mk mak",
  markdown: "md markdown mdx",
  mathematica: "wl wls nb",
  matlab: "m",
  meson: "meson",
  metal: "metal",
  mojo: "mojo",
  nim: "nim nims",
  nix: "nix",
  objectivecpp: "mm",
  ocaml: "ml mli",
  odin: "odin",
  org: "org",
  pascal: "pas pp dpr lpr",
  perl: "pl pm t",
  php: "php phtml",
  powershell: "ps1 psm1 psd1",
  prolog: "pro plg",
  protobuf: "proto",
  puppet: "epp",
  purescript: "purs",
  python: "py pyi pyw",
  qml: "qml",
  r: "r",
  racket: "rkt",
  reason: "re rei",
  restructuredtext: "rst",
  rocq: "coq",
  ruby: "rb rake gemspec ru",
  rust: "rs",
  sass: "sass scss",
  scala: "scala sc sbt",
  scheme: "scm ss",
  smalltalk: "st",
  solidity: "sol",
  sql: "sql",
  starlark: "bzl bazel star",
  stylus: "styl",
  svelte: "svelte",
  swift: "swift",
  systemverilog: "sv svh",
  tcl: "tcl",
  text: "txt text",
  thrift: "thrift",
  toml: "toml",
  tsv: "tsv",
  typescript: "ts mts cts tsx",
  v: "vsh",
  vala: "vala vapi",
  verilog: "v vh",
  vhdl: "vhd vhdl",
  viml: "vim",
  visualbasic: "vb bas vbs",
  vue: "vue",
  wat: "wat wast",
  wgsl: "wgsl",
  xml: "xml xsd xsl xslt svg",
  yaml: "yaml yml",
  zig: "zig zon",
};

/** Files known by their whole name. */
const FILE_NAMES: Record<string, string> = {
  "build.bazel": "starlark",
  "cmakelists.txt": "cmake",
  containerfile: "dockerfile",
  dockerfile: "dockerfile",
  gemfile: "ruby",
  gnumakefile: "make",
  jenkinsfile: "groovy",
  makefile: "make",
  "meson.build": "meson",
  podfile: "ruby",
  rakefile: "ruby",
  sconscript: "python",
  sconstruct: "python",
  vagrantfile: "ruby",
};

/** Other spellings of a language's name: those of GitHub and the data sets made from it, and what people type. */
const ALIASES: Record<string, string> = {
  "batchfile": "batch",
  "c#": "csharp",
  "c++": "cpp",
  "common lisp": "lisp",
  "emacs lisp": "lisp",
  "f#": "fsharp",
  "fortran free form": "fortran",
  "jupyter notebook": "jupyter",
  "json with comments": "json",
  "objective-c++": "objectivecpp",
  "protocol buffer": "protobuf",
  "vim script": "viml",
  "visual basic": "visualbasic",
  "visual basic .net": "visualbasic",
  coq: "rocq",
  cs: "csharp",
  golang: "go",
  js: "javascript",
  makefile: "make",
  md: "markdown",
  py: "python",
  rb: "ruby",
  rs: "rust",
  scss: "sass",
  sh: "bash",
  shell: "bash",
  terraform: "hcl",
  tex: "latex",
  ts: "typescript",
  tsx: "typescript",
  vim: "viml",
  yml: "yaml",
};

const byExtension = new Map<string, string>();
for (const [language, extensions] of Object.entries(EXTENSIONS)) {
  for (const extension of extensions.split(" ")) {
    if (!byExtension.has(extension)) byExtension.set(extension, language);
  }
}

const names = [...new Set([...Object.keys(EXTENSIONS), ...Object.values(FILE_NAMES)])].sort();

/** The names of all languages in the table, sorted. `.h` counts as C, and `.m` as MATLAB: the name alone cannot tell. */
export function languageNames(): readonly string[] {
  return names;
}

/** Extensions that tell the language as they are, whatever is in front of them. */
const plainExtensions = new Map(byExtension);
for (const name of Object.keys(FILE_NAMES)) plainExtensions.delete(name.slice(name.lastIndexOf(".") + 1));

/** The language of a file by its name, or null where the name does not tell. */
export function languageOfPath(path: string): string | null {
  const slash = path.lastIndexOf("/");
  const end = path.lastIndexOf(".");
  const plain = end > slash + 1 ? plainExtensions.get(path.slice(end + 1)) : undefined;
  if (plain !== undefined) return plain;
  const name = path.slice(slash + 1).toLowerCase();
  if (Object.hasOwn(FILE_NAMES, name)) return FILE_NAMES[name];
  const dot = name.lastIndexOf(".");
  return dot > 0 ? byExtension.get(name.slice(dot + 1)) ?? null : null;
}

/** A language's name as data sets write it (`C++`, `Python`) in this table's spelling. */
export function normaliseLanguage(name: string): string {
  const lower = name.trim().toLowerCase();
  return Object.hasOwn(ALIASES, lower) ? ALIASES[lower] : lower;
}
