/** An element that is written back as it was read, but for what was changed. Text, comments and white space between elements are kept raw. */
export interface EditableElement {
  readonly name: string;
  /** Values raw, as they stand between the quotes. */
  readonly attributes: Map<string, string>;
  children: (EditableElement | string)[];
}

const token =
  /<!--[\s\S]*?-->|<\?[\s\S]*?\?>|<!\[CDATA\[[\s\S]*?\]\]>|<\/([^\s>]+)\s*>|<([^\s/>!?]+)((?:\s+[^\s=]+\s*=\s*(?:"[^"]*"|'[^']*'))*)\s*(\/?)>|[^<]+/gy;
const attribute = /([^\s=]+)\s*=\s*(?:"([^"]*)"|'([^']*)')/g;

/** Reads a document as libvirt writes them. Throws an `Error` naming the place where it is none. */
export const parseEditable = (text: string): EditableElement => {
  const root: EditableElement = { name: "", attributes: new Map(), children: [] };
  const stack = [root];
  token.lastIndex = 0;
  while (token.lastIndex < text.length) {
    const at = token.lastIndex;
    const found = token.exec(text);
    const top = stack.at(-1);
    if (found === null || top === undefined) throw new Error(`not XML at character ${at}: ${text.slice(at, at + 40)}`);
    const [whole, closing, opening, attributes = "", selfClosed] = found;
    if (closing !== undefined) {
      if (top.name !== closing || stack.length === 1)
        throw new Error(`</${closing}> at character ${at} closes <${top.name}>`);
      stack.pop();
    } else if (opening !== undefined) {
      const element: EditableElement = { name: opening, attributes: readAttributes(attributes), children: [] };
      top.children.push(element);
      if (selfClosed === "") stack.push(element);
    } else top.children.push(whole);
  }
  const document = elements(root)[0];
  if (stack.length !== 1 || document === undefined) throw new Error(`<${stack.at(-1)?.name ?? ""}> is not closed`);
  return document;
};

const readAttributes = (text: string): Map<string, string> =>
  new Map(
    [...text.matchAll(attribute)].map(([, name = "", double, single]) => [
      name,
      double ?? single?.replaceAll('"', "&quot;") ?? "",
    ]),
  );

export const serializeEditable = (element: EditableElement): string => {
  const attributes = [...element.attributes].map(([name, value]) => ` ${name}="${value}"`).join("");
  if (element.children.length === 0) return `<${element.name}${attributes}/>`;
  const inside = element.children
    .map((child) => (typeof child === "string" ? child : serializeEditable(child)))
    .join("");
  return `<${element.name}${attributes}>${inside}</${element.name}>`;
};

export const escapeXml = (text: string): string =>
  text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");

/** The inverse of `escapeXml`, with the one entity more that XML has. */
export const unescapeXml = (text: string): string =>
  text
    .replaceAll("&lt;", "<")
    .replaceAll("&gt;", ">")
    .replaceAll("&quot;", '"')
    .replaceAll("&apos;", "'")
    .replaceAll("&amp;", "&");

/** The elements reached by following names downwards. */
export const elements = (parent: EditableElement, ...path: readonly string[]): readonly EditableElement[] => {
  const here = parent.children.filter((child) => typeof child !== "string");
  const [name, ...rest] = path;
  if (name === undefined) return here;
  const matching = here.filter((child) => child.name === name);
  return rest.length === 0 ? matching : matching.flatMap((child) => elements(child, ...rest));
};

/** The text directly inside an element, decoded. */
export const textOf = (element: EditableElement | undefined): string =>
  unescapeXml(
    (element?.children ?? [])
      .filter((child) => typeof child === "string")
      .join("")
      .trim(),
  );

export const attributeOf = (element: EditableElement | undefined, name: string): string | undefined => {
  const value = element?.attributes.get(name);
  return value === undefined ? undefined : unescapeXml(value);
};

export const makeElement = (
  name: string,
  attributes: Readonly<Record<string, string>> = {},
  children: readonly (EditableElement | string)[] = [],
): EditableElement => ({
  name,
  attributes: new Map(Object.entries(attributes).map(([key, value]) => [key, escapeXml(value)])),
  children: [...children],
});

/** Puts `replacement` where the first child of its name stands, or at the front. */
export const replaceChild = (parent: EditableElement, replacement: EditableElement): void => {
  const at = parent.children.findIndex((child) => typeof child !== "string" && child.name === replacement.name);
  if (at < 0) parent.children.unshift(replacement);
  else parent.children[at] = replacement;
};

/** Takes the children away that `which` accepts. */
export const removeChildren = (parent: EditableElement, which: (child: EditableElement) => boolean): void => {
  parent.children = parent.children.filter((child) => typeof child === "string" || !which(child));
};
