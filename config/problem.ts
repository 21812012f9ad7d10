/** One thing that is wrong with the configuration, and where. Lines and columns count from 1. */
export interface ConfigurationProblem {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  /** `items.app1.policy`; empty for the whole document. */
  readonly path: string;
  /** Completes "path …" to a sentence: what is there, what is allowed. */
  readonly message: string;
}

export type Path = readonly (string | number)[];

/** `["policies","a.b",0]` → `policies."a.b"[0]`. */
export const pathText = (path: Path): string =>
  path
    .map((part, index) => {
      if (typeof part === "number") return `[${String(part)}]`;
      const name = /^[\w-]+$/u.test(part) ? part : JSON.stringify(part);
      return index === 0 ? name : `.${name}`;
    })
    .join("");

/** `site.yaml:14:7: items.app1.polcy is not a known key …` */
export const problemText = ({ file, line, column, path, message }: ConfigurationProblem): string =>
  `${file}:${String(line)}:${String(column)}: ${path === "" ? "the file" : path} ${message}`;
