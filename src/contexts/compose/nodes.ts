import type { Document, Node, Pair, Scalar, YAMLMap } from 'yaml';
import type { Limits } from './limits.ts';
import { emptyMap, isList, isMap, type Value, type ValueMap } from './value.ts';

export type Yaml = typeof import('yaml');

/** Keys from the top of a document to a value. */
export type Path = readonly string[];

/** Levels of mappings and lists, aliases included. */
export const MAX_DEPTH = 200;
export const TOO_DEEP = `values may not be nested more than ${MAX_DEPTH} levels deep`;

/** Something is wrong at a place of the file. */
export class Misplaced extends Error {
  override readonly name = 'Misplaced';
  readonly offset: number;

  constructor(offset: number, message: string) {
    super(message);
    this.offset = offset;
  }
}

export interface Nodes {
  /** Null for an empty document. */
  readonly value: Value;
  readonly resets: readonly Path[];
}

/**
 * The value of a document that was parsed with the failsafe schema. Scalars are typed as Go's YAML
 * library does (`true` is a boolean, `yes` is text), except that numbers stay text.
 *
 * @throws {Misplaced} a key twice, a key that is no text, an unknown or circular alias, a bad merge
 */
export function readNodes(yaml: Yaml, document: Document.Parsed, limits: Limits): Nodes {
  const reading: Reading = {
    yaml,
    limits,
    anchors: new Map(),
    named: new Set(),
    open: new Set(),
    resets: [],
  };
  return { value: read(document.contents, [], reading) ?? null, resets: reading.resets };
}

interface Reading {
  readonly yaml: Yaml;
  readonly limits: Limits;
  /** The latest node of each name: the document is read in its own order. */
  readonly anchors: Map<string, Node>;
  /** Nodes that gave their name once: an alias that is read again does not take it back. */
  readonly named: Set<Node>;
  /** Nodes that are being read, to find the alias that stands inside its own anchor. */
  readonly open: Set<Node>;
  readonly resets: Path[];
}

/** `undefined` for what `!reset` takes away. Inside lists there is no path: Compose resets only keys. */
function read(node: unknown, path: Path | null, reading: Reading): Value | undefined {
  const { yaml, limits, open } = reading;
  limits.countValues(1);
  if (!yaml.isNode(node)) return null;
  const target = yaml.isAlias(node) ? reading.anchors.get(node.source) : node;
  if (target === undefined)
    throw new Misplaced(startOf(node), 'no anchor of this name stands before the alias');
  if (open.has(target)) throw new Misplaced(startOf(node), 'an alias may not stand inside its own anchor');
  if (open.size > MAX_DEPTH) throw new Misplaced(startOf(node), TOO_DEEP);
  nameNode(target, reading);
  open.add(target);
  const value = readContent(target, path, reading);
  open.delete(target);
  if (path !== null && (target.tag === '!reset' || target.tag === '!override')) reading.resets.push(path);
  return target.tag === '!reset' ? undefined : value;
}

function nameNode(node: Node, { yaml, anchors, named }: Reading): void {
  if (yaml.isAlias(node) || !node.anchor || named.has(node)) return;
  anchors.set(node.anchor, node);
  named.add(node);
}

function readContent(node: Node, path: Path | null, reading: Reading): Value {
  const { yaml } = reading;
  if (yaml.isMap(node)) return readMap(node, path, reading);
  if (yaml.isSeq(node)) {
    return node.items.map((item) => read(item, null, reading)).filter((value) => value !== undefined);
  }
  return yaml.isScalar(node) ? readScalar(node) : null;
}

function readMap(node: YAMLMap, path: Path | null, reading: Reading): ValueMap {
  const own = emptyMap();
  const seen = new Set<string>();
  const merged: ValueMap[] = [];
  for (const pair of node.items) {
    const key = readKey(pair, node, reading);
    if (seen.has(key))
      throw new Misplaced(startOf(pair.key), `the key ${JSON.stringify(key)} stands here twice`);
    seen.add(key);
    if (isMergeKey(pair, reading)) {
      merged.push(...readMerge(pair, path, reading));
    } else {
      const value = read(pair.value, path && [...path, key], reading);
      if (value !== undefined) own[key] = value;
    }
  }
  for (const [key, value] of merged.flatMap(Object.entries)) {
    if (!(key in own)) own[key] = value;
  }
  return own;
}

function readKey(pair: Pair, map: YAMLMap, reading: Reading): string {
  const { yaml, anchors } = reading;
  const key = yaml.isAlias(pair.key) ? anchors.get(pair.key.source) : pair.key;
  if (!yaml.isScalar(key) || (readScalar(key) === null && key.type === 'PLAIN')) {
    throw new Misplaced(startOf(pair.key) || startOf(map), 'a key has to be text');
  }
  nameNode(key, reading);
  return sourceOf(key);
}

function isMergeKey({ key }: Pair, { yaml }: Reading): boolean {
  return yaml.isScalar(key) && key.type === 'PLAIN' && key.source === '<<';
}

function readMerge(pair: Pair, path: Path | null, reading: Reading): readonly ValueMap[] {
  const value = read(pair.value, path, reading);
  const maps = isList(value) ? value : [value ?? null];
  if (maps.every(isMap)) return maps;
  throw new Misplaced(startOf(pair.value) || startOf(pair.key), '<< takes a mapping or a list of mappings');
}

function readScalar(node: Scalar): Value {
  const text = sourceOf(node);
  if (node.type !== 'PLAIN' || node.tag === 'tag:yaml.org,2002:str') return text;
  if (/^(?:~|null|Null|NULL|)$/.test(text)) return null;
  if (/^(?:true|True|TRUE)$/.test(text)) return true;
  if (/^(?:false|False|FALSE)$/.test(text)) return false;
  return text;
}

function sourceOf(node: Scalar): string {
  return node.source ?? String(node.value ?? '');
}

/** Where a node begins; 0 for what has no place of its own. */
export function startOf(node: unknown): number {
  const range = typeof node === 'object' && node !== null && 'range' in node ? node.range : null;
  return Array.isArray(range) && typeof range[0] === 'number' ? range[0] : 0;
}
