import { basename } from 'node:path';
import { messageOf } from '../../core/errors.ts';
import { visible } from '../detect/visible.ts';
import type { ComposeSource } from './find.ts';
import { interpolate, type Lookup, TemplateError } from './interpolate.ts';
import { type Reading, readDocuments } from './layer.ts';
import { textOf } from './value.ts';

/**
 * The project name: `-p` or COMPOSE_PROJECT_NAME, else the last `name:` of the files, else the name of
 * the project directory. Empty, with a warning, when nothing of it can stand in a name.
 *
 * @throws {BerthError} `COMPOSE_INVALID`
 *
 * Source: compose-spec/compose-go, loader/loader.go (projectName) and cli/options.go.
 */
export function projectName(source: ComposeSource, lookup: Lookup, reading: Reading): string {
  if (source.projectName !== null) return givenName(source.projectName, reading);
  const documents = source.files.map((file) => readDocuments(file, reading) ?? []);
  const names = documents.map((list) => list.map(({ root }) => textOf(root['name']) ?? ''));
  const last = names.flat().findLast((name) => name !== '') ?? '';
  const fromFiles = normalizeProjectName(fillIn(last, lookup, reading));
  // a name in the first document of a file takes the place of the directory's, even when it comes to nothing
  const fromDir = names.some(([first = '']) => first !== '')
    ? ''
    : normalizeProjectName(basename(source.dir));
  const name = fromFiles || fromDir;
  if (name === '') {
    reading.warn(
      `No project name comes of ${visible(last || basename(source.dir))}; Compose needs COMPOSE_PROJECT_NAME or \`name:\`.`,
    );
  }
  return name;
}

/** Lower case, without what a project name may not hold. */
export function normalizeProjectName(name: string): string {
  return name
    .toLowerCase()
    .replaceAll(/[^a-z0-9_-]/g, '')
    .replace(/^[_-]+/, '');
}

function givenName(given: string, reading: Reading): string {
  const name = normalizeProjectName(given);
  if (name !== given) {
    reading.warn(
      `The project name ${visible(JSON.stringify(given))} is refused by Compose: lower-case letters, digits, - and _ only.`,
    );
  }
  return name;
}

function fillIn(name: string, lookup: Lookup, reading: Reading): string {
  try {
    return interpolate(name, lookup, (variable) => reading.unset.add(variable));
  } catch (error) {
    if (!(error instanceof TemplateError)) throw error;
    reading.warn(
      `The project name ${visible(JSON.stringify(name))} cannot be filled in: ${visible(messageOf(error))}.`,
    );
    return '';
  }
}
