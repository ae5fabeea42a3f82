/**
 * Draws trees of plain objects into the document and changes only what differs, so that rows stay the same elements,
 * focus and selection survive, and nothing flashes. Data only ever becomes text nodes and attributes, never markup.
 */

/** What an element looks like. `on…` are listeners, `style` an object, `value`/`checked`/`open` properties, the rest attributes. */
export interface VNode {
  tag: string;
  props: Props;
  kids: Kid[];
}

export type Props = Record<string, unknown> & { key?: string };
export type Kid = VNode | string;
export type Child = Kid | number | null | undefined | false | readonly Child[];

/** Describes an element. */
export function h(tag: string, props?: Props | null, ...children: Child[]): VNode {
  const kids: Kid[] = [];
  flatten(children, kids);
  return { tag, props: props ?? {}, kids };
}

function flatten(children: readonly Child[], into: Kid[]): void {
  for (const child of children) {
    if (child === null || child === undefined || child === false || child === "") continue;
    if (Array.isArray(child)) flatten(child, into);
    else if (typeof child === "number") into.push(String(child));
    else into.push(child as Kid);
  }
}

const SVG = "http://www.w3.org/2000/svg";
const PROPERTIES = new Set(["value", "checked", "open", "disabled"]);

/** What was last drawn into an element. */
const drawn = new WeakMap<Element, VNode>();

/** Makes the children of `parent` look like `kids`. */
export function draw(parent: Element, kids: readonly Kid[]): void {
  const keyed = collectKeyed(parent, kids);
  let cursor: ChildNode | null = parent.firstChild;
  for (const kid of kids) {
    const match = find(kid, cursor, keyed);
    if (match === null) {
      parent.insertBefore(create(kid, parent), cursor);
      continue;
    }
    if (match === cursor) cursor = cursor.nextSibling;
    else parent.insertBefore(match, cursor);
    update(match, kid);
  }
  while (cursor) {
    const next: ChildNode | null = cursor.nextSibling;
    cursor.remove();
    cursor = next;
  }
}

/** The keyed children that stay; those that do not are removed first, so that the others need not move. */
function collectKeyed(parent: Element, kids: readonly Kid[]): Map<string, Element> {
  const wanted = new Set<string>();
  for (const kid of kids) if (typeof kid !== "string" && kid.props.key !== undefined) wanted.add(kid.tag + kid.props.key);
  const found = new Map<string, Element>();
  for (const child of [...parent.children]) {
    const node = drawn.get(child);
    if (node?.props.key === undefined) continue;
    const key = node.tag + node.props.key;
    if (wanted.has(key)) found.set(key, child);
    else child.remove();
  }
  return found;
}

function find(kid: Kid, cursor: ChildNode | null, keyed: Map<string, Element>): ChildNode | null {
  if (typeof kid === "string") return cursor?.nodeType === Node.TEXT_NODE ? cursor : null;
  if (kid.props.key !== undefined) return keyed.get(kid.tag + kid.props.key) ?? null;
  if (!(cursor instanceof Element)) return null;
  const node = drawn.get(cursor);
  return node && node.tag === kid.tag && node.props.key === undefined ? cursor : null;
}

function create(kid: Kid, parent: Element): ChildNode {
  if (typeof kid === "string") return document.createTextNode(kid);
  const svg = kid.tag === "svg" || parent.namespaceURI === SVG;
  const element = svg ? document.createElementNS(SVG, kid.tag) : document.createElement(kid.tag);
  drawn.set(element, { tag: kid.tag, props: {}, kids: [] });
  // Children first: the value of a <select> needs its options.
  draw(element, kid.kids);
  setProps(element, {}, kid.props);
  drawn.set(element, kid);
  return element;
}

function update(node: ChildNode, kid: Kid): void {
  if (typeof kid === "string") {
    if ((node as Text).data !== kid) (node as Text).data = kid;
    return;
  }
  const element = node as Element;
  const before = drawn.get(element);
  if (before === kid) return;
  draw(element, kid.kids);
  setProps(element, before?.props ?? {}, kid.props);
  drawn.set(element, kid);
}

function setProps(element: Element, before: Props, after: Props): void {
  for (const name in before) if (!(name in after)) setProp(element, name, undefined);
  for (const name in after) if (PROPERTIES.has(name) || before[name] !== after[name]) setProp(element, name, after[name]);
}

function setProp(element: Element, name: string, value: unknown): void {
  if (name === "key") return;
  if (name === "style") {
    Object.assign((element as HTMLElement).style, value);
  } else if (name.startsWith("on") || PROPERTIES.has(name)) {
    const target = element as unknown as Record<string, unknown>;
    // A property that already has the value is left alone: setting it would move the cursor of an input.
    if (target[name] !== value) target[name] = value ?? (name.startsWith("on") ? null : "");
  } else if (value === undefined || value === null || value === false) {
    element.removeAttribute(name);
  } else {
    element.setAttribute(name, value === true ? "" : String(value));
  }
}
