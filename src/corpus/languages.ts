/** Language names by file extension, and by the names that data sets use. Data only, and two look-ups. */

const EXTENSIONS: Record<string, string> = {
  assembly: "asm s",
  bash: "sh bash zsh ksh",
  batch: "bat cmd",
  c: "c h",
  clojure: "clj cljs cljc edn",
  cmake: "cmake",
  cobol: "cob cbl",
  coffeescript: "coffee",
  cpp: "cpp cc cxx c++ hpp hh hxx h++ ipp tpp inl",
  crystal: "cr",
  csharp: "cs csx",
  css: "css",
  cuda: "cu cuh",
  d: "d di",
  dart: "dart",
  elixir: "ex exs",
  elm: "elm",
  erlang: "erl hrl",
  fortran: "f f77 f90 f95 f03 f08 for",
  fsharp: "fs fsi fsx",
  glsl: "glsl vert frag comp",
  go: "go",
  graphql: "graphql gql",
  groovy: "groovy gradle",
  haskell: "hs lhs",
  hlsl: "hlsl",
  html: "html htm xhtml",
  ini: "ini cfg conf",
  java: "java",
  javascript: "js mjs cjs jsx",
  json: "json jsonc",
  julia: "jl",
  kotlin: "kt kts",
  latex: "tex sty cls",
  less: "less",
  lisp: "lisp lsp el",
  lua: "lua",
  make: "mk mak",
  markdown: "md markdown mdx",
  matlab: "m",
  nim: "nim nims",
  nix: "nix",
  objectivecpp: "mm",
  ocaml: "ml mli",
  pascal: "pas pp dpr",
  perl: "pl pm t",
  php: "php phtml",
  powershell: "ps1 psm1 psd1",
  prolog: "pro",
  protobuf: "proto",
  python: "py pyi pyw pyx pxd",
  r: "r",
  racket: "rkt",
  restructuredtext: "rst",
  ruby: "rb rake gemspec",
  rust: "rs",
  sass: "sass scss",
  scala: "scala sc sbt",
  scheme: "scm ss",
  smalltalk: "st",
  solidity: "sol",
  sql: "sql",
  swift: "swift",
  systemverilog: "sv svh",
  tcl: "tcl",
  text: "txt text",
  toml: "toml",
  typescript: "ts mts cts tsx",
  verilog: "v vh",
  vhdl: "vhd vhdl",
  viml: "vim",
  vue: "vue",
  wgsl: "wgsl",
  xml: "xml xsd xsl xslt svg",
  yaml: "yaml yml",
  zig: "zig",
};

/** Files known by their whole name. */
const FILE_NAMES: Record<string, string> = {
  "cmakelists.txt": "cmake",
  dockerfile: "dockerfile",
  gemfile: "ruby",
  gnumakefile: "make",
  makefile: "make",
  rakefile: "ruby",
};

/** Other spellings of a language's name. */
const ALIASES: Record<string, string> = {
  "c#": "csharp",
  "c++": "cpp",
  "f#": "fsharp",
  "objective-c++": "objectivecpp",
  golang: "go",
  js: "javascript",
  py: "python",
  shell: "bash",
  ts: "typescript",
};

const byExtension = new Map<string, string>();
for (const [language, extensions] of Object.entries(EXTENSIONS)) {
  for (const extension of extensions.split(" ")) {
    if (!byExtension.has(extension)) byExtension.set(extension, language);
  }
}

/** The language of a file by its name, or null where the name does not tell. */
export function languageOfPath(path: string): string | null {
  const name = path.slice(path.lastIndexOf("/") + 1).toLowerCase();
  if (Object.hasOwn(FILE_NAMES, name)) return FILE_NAMES[name];
  const dot = name.lastIndexOf(".");
  return dot > 0 ? byExtension.get(name.slice(dot + 1)) ?? null : null;
}

/** A language's name as data sets write it (`C++`, `Python`) in this table's spelling. */
export function normaliseLanguage(name: string): string {
  const lower = name.trim().toLowerCase();
  return Object.hasOwn(ALIASES, lower) ? ALIASES[lower] : lower;
}
