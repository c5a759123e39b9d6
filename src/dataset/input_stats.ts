/** What the file system says of each input; null for standard input, and where it says nothing. */
export async function inputStats(paths: readonly string[]): Promise<(Deno.FileInfo | null)[]> {
  return await Promise.all(paths.map((path) => path === "-" ? null : Deno.stat(path).catch(() => null)));
}
