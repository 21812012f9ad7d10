/** An element of a libvirt document. `text` is all character data directly inside it. */
export interface XmlElement {
  readonly name: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly children: readonly XmlElement[];
  readonly text: string;
}

interface OpenElement {
  readonly name: string;
  readonly attributes: Record<string, string>;
  readonly children: XmlElement[];
  text: string;
}

const token =
  /<!--[\s\S]*?-->|<\?[\s\S]*?\?>|<!\[CDATA\[([\s\S]*?)\]\]>|<!DOCTYPE[^>]*>|<\/([^\s>]+)\s*>|<([^\s/>]+)((?:\s+[^\s=]+\s*=\s*(?:"[^"]*"|'[^']*'))*)\s*(\/?)>|([^<]+)/gy;
const attribute = /([^\s=]+)\s*=\s*(?:"([^"]*)"|'([^']*)')/g;

/** Reads a well-formed document as libvirt writes them (no DTD, no namespaces resolved). Throws an `Error` with the place otherwise. */
export const parseXml = (text: string): XmlElement => {
  const root: OpenElement = { name: "", attributes: {}, children: [], text: "" };
  const stack: OpenElement[] = [root];
  token.lastIndex = 0;
  while (token.lastIndex < text.length) {
    const at = token.lastIndex;
    const found = token.exec(text);
    const top = stack.at(-1);
    if (found === null || top === undefined)
      throw new Error(`not XML at character ${at.toString()}: ${text.slice(at, at + 40)}`);
    const [, cdata, closing, opening, attributes = "", selfClosed, characters] = found;
    if (characters !== undefined) top.text += decode(characters);
    else if (cdata !== undefined) top.text += cdata;
    else if (closing !== undefined) {
      if (top.name !== closing || stack.length === 1)
        throw new Error(`</${closing}> at character ${at.toString()} closes <${top.name}>`);
      stack.pop();
    } else if (opening !== undefined) {
      const element: OpenElement = { name: opening, attributes: readAttributes(attributes), children: [], text: "" };
      top.children.push(element);
      if (selfClosed === "") stack.push(element);
    }
  }
  const [document] = root.children;
  if (stack.length !== 1 || document === undefined) throw new Error(`<${stack.at(-1)?.name ?? ""}> is not closed`);
  return document;
};

/** The elements reached by following names downwards: `all(domain, "devices", "disk")`. */
export const all = (element: XmlElement, ...path: readonly string[]): readonly XmlElement[] =>
  path.reduce<readonly XmlElement[]>(
    (found, name) => found.flatMap((each) => each.children.filter((child) => child.name === name)),
    [element],
  );

/** The first of `all`. */
export const first = (element: XmlElement, ...path: readonly string[]): XmlElement | undefined =>
  all(element, ...path)[0];

const readAttributes = (text: string): Record<string, string> =>
  Object.fromEntries(
    text.matchAll(attribute).map(([, name = "", double, single]) => [name, decode(double ?? single ?? "")]),
  );

const entities: Readonly<Record<string, string>> = { lt: "<", gt: ">", amp: "&", quot: '"', apos: "'" };

const decode = (text: string): string =>
  text.replace(/&(#x?[0-9a-fA-F]+|\w+);/g, (whole, name: string) => {
    if (!name.startsWith("#")) return entities[name] ?? whole;
    return String.fromCodePoint(name.startsWith("#x") ? Number.parseInt(name.slice(2), 16) : Number(name.slice(1)));
  });
