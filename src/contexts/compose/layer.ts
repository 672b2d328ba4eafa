import { messageOf } from '../../core/errors.ts';
import { type FileText, type Kind, kindOf, readText } from '../detect/files.ts';
import { visible } from '../detect/visible.ts';
import { type ComposeDocument, parseDocuments } from './documents.ts';
import { interpolate, type Lookup, TemplateError } from './interpolate.ts';
import { unknownKeys } from './keys.ts';
import type { Limits } from './limits.ts';
import type { Path, Yaml } from './nodes.ts';
import type { Base } from './paths.ts';
import { canonicalService } from './services.ts';
import { isList, isMap, mapOf, type Value, type ValueMap } from './value.ts';

/** The files a project is read from; replaced in tests. Nothing here may wait for anybody. */
export interface ProjectFiles {
  read(path: string): FileText;
  /** Symlinks followed; null when there is nothing. */
  kind(path: string): Kind | null;
}

export const diskFiles: ProjectFiles = { read: readText, kind: kindOf };

/** One reading of one project. */
export interface Reading {
  readonly yaml: Yaml;
  readonly files: ProjectFiles;
  readonly limits: Limits;
  /** Documents by path: includes and extends name the same file again and again. */
  readonly documents: Map<string, readonly ComposeDocument[]>;
  readonly warn: (sentence: string) => void;
  /** Variables that had neither value nor default. */
  readonly unset: Set<string>;
}

/** What holds for a set of files that are merged: where their paths begin, and their variables. */
export interface Scope {
  readonly base: Base;
  readonly lookup: Lookup;
}

/** What one document of one file adds to a project. */
export interface Layer {
  readonly file: string;
  readonly scope: Scope;
  /** In canonical form, `extends` not yet followed. */
  readonly services: ValueMap;
  /** As they are written. */
  readonly volumes: Value;
  readonly include: Value;
  readonly resets: readonly Path[];
}

/** The layers of a file in their order; null, with a warning, when it cannot be read. */
export function readLayers(file: string, scope: Scope, reading: Reading): readonly Layer[] | null {
  const documents = readDocuments(file, reading);
  return documents?.map((document) => readLayer({ file, scope, document }, reading)) ?? null;
}

/**
 * @returns null, with a warning, when there is no such file or it may not be read
 * @throws {BerthError} `COMPOSE_INVALID`
 */
export function readDocuments(file: string, reading: Reading): readonly ComposeDocument[] | null {
  const known = reading.documents.get(file);
  if (known !== undefined) return known;
  const read = reading.files.read(file);
  if (read.kind !== 'text') {
    reading.warn(`${visible(file)} is ${read.kind === 'missing' ? 'missing' : read.why}.`);
    return null;
  }
  const documents = parseDocuments(reading.yaml, file, { text: read.text, limits: reading.limits });
  if (documents.length === 0) reading.warn(`${visible(file)} is empty.`);
  reading.documents.set(file, documents);
  return documents;
}

interface Source {
  readonly file: string;
  readonly scope: Scope;
  readonly document: ComposeDocument;
}

function readLayer({ file, scope, document }: Source, reading: Reading): Layer {
  const root = substitute(document.root, [], { file, scope, reading });
  if (!isMap(root)) return { file, scope, services: mapOf([]), volumes: null, include: null, resets: [] };
  const context = { base: scope.base, warn: reading.warn };
  const services = Object.entries(servicesOf(root, file, reading)).map(([name, service]) => {
    checkName(name, service, reading);
    return [name, canonicalService(name, service, context)] as const;
  });
  return {
    file,
    scope,
    services: mapOf(services),
    volumes: root['volumes'] ?? null,
    include: root['include'] ?? null,
    resets: document.resets,
  };
}

/** Every text with its variables; one that Compose would refuse stays as it is written, with a warning. */
function substitute(
  value: Value,
  path: Path,
  place: { file: string; scope: Scope; reading: Reading },
): Value {
  const { limits, unset, warn } = place.reading;
  limits.countValues(1);
  if (isMap(value)) {
    return mapOf(Object.entries(value).map(([key, item]) => [key, substitute(item, [...path, key], place)]));
  }
  if (isList(value)) return value.map((item) => substitute(item, path, place));
  if (typeof value !== 'string' || !value.includes('$')) return value;
  try {
    const text = interpolate(value, place.scope.lookup, (name) => unset.add(name));
    limits.countSubstituted(text.length);
    return text;
  } catch (error) {
    if (!(error instanceof TemplateError)) throw error;
    warn(
      `${visible(path.join('.'))} in ${visible(place.file)} cannot be filled in: ${visible(messageOf(error))}.`,
    );
    return value;
  }
}

function servicesOf(root: ValueMap, file: string, { warn }: Reading): ValueMap {
  if (isFirstFormat(root)) {
    warn(`${visible(file)} is of the first file format, without \`services:\`; Compose no longer reads it.`);
    return root;
  }
  const unknown = unknownKeys('file', Object.keys(root));
  if (unknown.length > 0) {
    warn(`${visible(file)} has keys that berth does not know: ${visible(unknown.join(', '))}.`);
  }
  return isMap(root['services']) ? root['services'] : mapOf([]);
}

/** The services stood at the top of a file until 2016. */
function isFirstFormat(root: ValueMap): boolean {
  const keys = Object.keys(root);
  return (
    unknownKeys('file', keys).length === keys.length &&
    keys.length > 0 &&
    Object.values(root).every((value) => isMap(value) && ('image' in value || 'build' in value))
  );
}

function checkName(name: string, service: Value, { warn }: Reading): void {
  if (!/^[a-zA-Z0-9._-]+$/.test(name)) {
    warn(
      `Service ${visible(JSON.stringify(name))}: Compose allows only letters, digits, ".", "_" and "-" in a name.`,
    );
  }
  if (service === null) warn(`Service ${visible(name)} is empty.`);
}
