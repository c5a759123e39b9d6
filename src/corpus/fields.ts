/** Which fields of a jsonl line or of a table's row name a document, in the spellings of the common data sets. */

/** Fields that give the path. */
export const PATH_FIELDS: readonly string[] = ["path", "max_stars_repo_path"];
const REPOSITORIES = ["repo", "repo_name", "max_stars_repo_name"];
const LANGUAGES = ["lang", "language"];

/** The names of the fields that `documentNames` looks at, in its order. */
export const NAMING_FIELDS: readonly string[] = [...PATH_FIELDS, ...REPOSITORIES, ...LANGUAGES];

/**
 * Path (with the repository in front) and language of a document, null where no field tells.
 * @param values The strings of `NAMING_FIELDS`, null where there is none; of several that mean the same the first counts.
 */
export function documentNames(values: readonly (string | null)[]): { path: string | null; language: string | null } {
  const first = (from: number, count: number): string | null => {
    for (let i = from; i < from + count; i++) if (values[i] !== null && values[i] !== "") return values[i];
    return null;
  };
  const path = first(0, PATH_FIELDS.length);
  const repository = first(PATH_FIELDS.length, REPOSITORIES.length);
  return {
    path: path !== null && repository !== null ? `${repository}/${path}` : path,
    language: first(PATH_FIELDS.length + REPOSITORIES.length, LANGUAGES.length),
  };
}
