import { isMap, isPair, isScalar, isSeq, LineCounter, parseDocument, type Document, type Node, type Pair } from "yaml";
import { pathText, type ConfigurationProblem, type Path } from "./problem.ts";

/** The YAML as data, with the place of every part of it. */
export interface SourceDocument {
  readonly data: unknown;
  /** What YAML itself finds wrong. */
  readonly problems: readonly ConfigurationProblem[];
  /** A problem at the key (`at: "key"`) or the value of a path; at the nearest part above that exists. */
  problem(path: Path, message: string, at?: "key" | "value"): ConfigurationProblem;
}

/** Reads YAML 1.2 (so `off` and `08:00` are text). `data` is undefined when it cannot be read as YAML at all. */
export const readDocument = (text: string, file: string): SourceDocument => {
  const counter = new LineCounter();
  const document = parseDocument(text, { lineCounter: counter, prettyErrors: false, merge: true });
  const place = (offset: number): { readonly line: number; readonly column: number } => {
    const { line, col } = counter.linePos(offset);
    return { line: Math.max(1, line), column: Math.max(1, col) };
  };
  const problems = document.errors.map((error) => ({
    file,
    ...place(error.pos[0]),
    path: "",
    message:
      error.code === "DUPLICATE_KEY"
        ? `has the key ${keyAt(text, error.pos[0])} twice in the same place; every name may be given once`
        : `is not valid YAML: ${lowerFirst(error.message.replace(/\s+at line \d+[\s\S]*$/u, ""))}`,
  }));
  const readable = document.errors.every((error) => error.code === "DUPLICATE_KEY");
  return {
    data: readable ? toData(document, problems, file) : undefined,
    problems,
    problem: (path, message, at = "value") => ({
      file,
      ...place(offsetOf(document, path, at)),
      path: pathText(path),
      message,
    }),
  };
};

const toData = (document: Document.Parsed, problems: ConfigurationProblem[], file: string): unknown => {
  try {
    return document.toJS() as unknown;
  } catch (error) {
    // An alias without an anchor, or one that unfolds to too much.
    problems.push({
      file,
      line: 1,
      column: 1,
      path: "",
      message: `is not valid YAML: ${lowerFirst(String((error as Error).message))}`,
    });
    return undefined;
  }
};

const lowerFirst = (text: string): string => text.charAt(0).toLowerCase() + text.slice(1);
const keyAt = (text: string, offset: number): string => /^["']?([^"':\s]+)/u.exec(text.slice(offset))?.[1] ?? "";

const pairOf = (node: unknown, key: string): Pair | undefined =>
  isMap(node) ? node.items.find((pair) => isScalar(pair.key) && String(pair.key.value) === key) : undefined;

const startOf = (node: unknown): number | undefined => (node as Node | undefined | null)?.range?.[0];

const offsetOf = (document: Document.Parsed, path: Path, at: "key" | "value"): number => {
  let node: unknown = document.contents;
  let offset = startOf(node) ?? 0;
  for (const [index, part] of path.entries()) {
    const next = typeof part === "string" ? pairOf(node, part) : isSeq(node) ? node.items[part] : undefined;
    if (next === undefined) return offset;
    const last = index === path.length - 1;
    if (isPair(next)) {
      const keyStart = startOf(next.key);
      // A missing part is shown at the key of what it is missing from.
      offset = (last && at === "value" ? startOf(next.value) : undefined) ?? keyStart ?? offset;
      node = next.value;
    } else {
      offset = startOf(next) ?? offset;
      node = next;
    }
  }
  return offset;
};
