/**
 * A small strict reader of XML: elements and their text, for what routers say about themselves (UPnP Device
 * Architecture 1.1 section 2, SOAP 1.1). It is no XML processor: a DTD is refused unread, so there is nothing that
 * an entity could expand to; attributes are checked and thrown away; prefixes of namespaces are cut off.
 *
 * Time and memory are linear in the text, which is at most {@link xmlMaxChars} long.
 */
import { fail } from '../base/failure.js';
import type { Decoded } from '../ports.js';

/** As long as a router's answer may be (io.ts: `httpBodyMaxBytes`). */
export const xmlMaxChars = 64 * 1024;
/** A device description nests some twelve deep: three devices, their lists and a service. */
export const xmlMaxDepth = 32;
/** The longest descriptions that we met have 300 elements. */
export const xmlMaxElements = 2000;

export interface XmlElement {
  /** Without its namespace prefix, in the case that it has. */
  readonly name: string;
  readonly children: readonly XmlElement[];
  /** The text directly inside, without the space around it. */
  readonly text: string;
}

export type XmlRefusal =
  | 'xml-too-long'
  | 'xml-too-deep'
  | 'xml-too-many-elements'
  | 'xml-doctype'
  | 'xml-entity'
  | 'xml-truncated'
  | 'xml-malformed';

interface OpenElement {
  /** With its prefix: the end tag has to repeat it. */
  readonly written: string;
  readonly children: XmlElement[];
  text: string;
}

const entities: Readonly<Record<string, string>> = {
  amp: '&',
  lt: '<',
  gt: '>',
  quot: '"',
  apos: "'",
};

const namePattern = /[A-Za-z_][\w.-]*(?::[A-Za-z_][\w.-]*)?/y;
const attributePattern = /\s+[A-Za-z_][\w.:-]*\s*=\s*(?:"[^"<]*"|'[^'<]*')/y;
const tagEndPattern = /\s*(\/?)>/y;
const entityPattern = /&(amp|lt|gt|quot|apos|#\d{1,7}|#x[0-9a-fA-F]{1,6});/g;
const strangeEntityPattern = /&(?!(?:amp|lt|gt|quot|apos|#\d{1,7}|#x[0-9a-fA-F]{1,6});)/;

/** The root element of `text`, or why it can't be read. */
export function parseXml(text: string): Decoded<XmlElement, XmlRefusal> {
  if (text.length > xmlMaxChars) return fail('xml-too-long');
  const reader = new XmlReader(text);
  return reader.read() ?? fail(reader.refusal);
}

/** The first child of that name. */
export function childOf(element: XmlElement, name: string): XmlElement | undefined {
  return element.children.find((child) => child.name === name);
}

/** The text of the first child of that name; empty when there is none. */
export function childText(element: XmlElement, name: string): string {
  return childOf(element, name)?.text ?? '';
}

/** `text` fit to stand inside an element. */
export function escapeXml(text: string): string {
  return text.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;');
}

class XmlReader {
  readonly #text: string;
  readonly #open: OpenElement[] = [];
  #root: XmlElement | undefined;
  #at = 0;
  #elements = 0;
  refusal: XmlRefusal = 'xml-malformed';

  constructor(text: string) {
    this.#text = text.startsWith('\uFEFF') ? text.slice(1) : text;
  }

  read(): XmlElement | undefined {
    while (this.#at < this.#text.length) if (!this.#readNext()) return undefined;
    if (this.#root === undefined || this.#open.length > 0) this.refusal = 'xml-truncated';
    return this.#open.length > 0 ? undefined : this.#root;
  }

  #refuse(refusal: XmlRefusal): false {
    this.refusal = refusal;
    return false;
  }

  #readNext(): boolean {
    if (this.#text[this.#at] !== '<') return this.#readText();
    switch (this.#text[this.#at + 1]) {
      case '?':
        return this.#skip('?>');
      case '!':
        return this.#readDeclaration();
      case '/':
        return this.#readEnd();
      case undefined:
        return this.#refuse('xml-truncated');
      default:
        return this.#readStart();
    }
  }

  /** Moves behind the next `mark`. */
  #skip(mark: string): boolean {
    const end = this.#text.indexOf(mark, this.#at);
    if (end < 0) return this.#refuse('xml-truncated');
    this.#at = end + mark.length;
    return true;
  }

  #readDeclaration(): boolean {
    if (this.#text.startsWith('<!--', this.#at)) {
      this.#at += 4;
      return this.#skip('-->');
    }
    const cdata = '<![CDATA[';
    if (!this.#text.startsWith(cdata, this.#at)) return this.#refuse('xml-doctype');
    const from = this.#at + cdata.length;
    if (!this.#skip(']]>')) return false;
    return this.#addText(this.#text.slice(from, this.#at - 3));
  }

  #readText(): boolean {
    const next = this.#text.indexOf('<', this.#at);
    const end = next < 0 ? this.#text.length : next;
    const plain = expandEntities(this.#text.slice(this.#at, end));
    this.#at = end;
    return plain === undefined ? this.#refuse('xml-entity') : this.#addText(plain);
  }

  #addText(text: string): boolean {
    const inside = this.#open.at(-1);
    if (inside !== undefined) inside.text += text;
    else if (text.trim() !== '') return this.#refuse('xml-malformed');
    return true;
  }

  #take(pattern: RegExp): RegExpExecArray | undefined {
    pattern.lastIndex = this.#at;
    const match = pattern.exec(this.#text);
    if (match === null) return undefined;
    this.#at += match[0].length;
    return match;
  }

  #readStart(): boolean {
    if (this.#root !== undefined) return this.#refuse('xml-malformed');
    if (this.#open.length >= xmlMaxDepth) return this.#refuse('xml-too-deep');
    if (++this.#elements > xmlMaxElements) return this.#refuse('xml-too-many-elements');
    this.#at += 1;
    const written = this.#take(namePattern)?.[0];
    if (written === undefined) return this.#refuseTag();
    while (this.#take(attributePattern) !== undefined);
    const end = this.#take(tagEndPattern);
    if (end === undefined) return this.#refuseTag();
    this.#open.push({ written, children: [], text: '' });
    if (end[1] === '/') this.#close();
    return true;
  }

  #readEnd(): boolean {
    this.#at += 2;
    const written = this.#take(namePattern)?.[0];
    const end = this.#take(tagEndPattern);
    if (written === undefined || end === undefined) return this.#refuseTag();
    if (end[1] === '/' || this.#open.at(-1)?.written !== written) {
      return this.#refuse('xml-malformed');
    }
    this.#close();
    return true;
  }

  /** A tag without an end was cut off; else it is no tag. */
  #refuseTag(): false {
    return this.#refuse(this.#text.includes('>', this.#at) ? 'xml-malformed' : 'xml-truncated');
  }

  #close(): void {
    const ended = this.#open.pop();
    if (ended === undefined) return;
    const { written, children, text } = ended;
    const name = written.slice(written.indexOf(':') + 1);
    const element: XmlElement = { name, children, text: text.trim() };
    const parent = this.#open.at(-1);
    if (parent === undefined) this.#root = element;
    else parent.children.push(element);
  }
}

/** `text` with the five entities and numbered characters replaced; undefined when there are others. */
function expandEntities(text: string): string | undefined {
  if (strangeEntityPattern.test(text)) return undefined;
  return text.replace(entityPattern, (_written, name: string) => entities[name] ?? numbered(name));
}

/** The character of `#233` or `#xe9`; U+FFFD for numbers that have none. */
function numbered(name: string): string {
  const isHex = name.startsWith('#x');
  const code = Number.parseInt(name.slice(isHex ? 2 : 1), isHex ? 16 : 10);
  const isSurrogate = code >= 0xd800 && code <= 0xdfff;
  return code === 0 || code > 0x10ffff || isSurrogate ? '\ufffd' : String.fromCodePoint(code);
}
