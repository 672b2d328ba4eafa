import { posix } from 'node:path';
import { type Base, hostPath } from './paths.ts';
import { isMap, mapOf, textOf, type Value, type ValueMap } from './value.ts';

/** One entry of `volumes`, as a mapping with an absolute source; text instead says what is wrong with it. */
export function canonicalVolume(value: Value, base: Base): ValueMap | string {
  const volume = isMap(value) ? longVolume(value) : shortVolume(textOf(value) ?? '');
  if (typeof volume === 'string') return volume;
  const { type, source, target, readOnly } = volume;
  const short = !isMap(value);
  const absolute = type === 'bind' && source !== null ? hostPath(source, base) : source;
  return mapOf([
    ['type', type],
    ['source', absolute],
    ['target', target],
    ['read_only', readOnly],
    ['short', short],
  ]);
}

/**
 * The volumes that stay when several have the same target: the last one, in the place of the first. As
 * Compose does, targets are compared as they are written, and again when those of short forms are tidy.
 */
export function uniqueVolumes(volumes: readonly Value[]): readonly Value[] {
  return lastOfEach(lastOfEach(volumes.filter(isMap)).map(tidied));
}

function lastOfEach(volumes: readonly ValueMap[]): readonly ValueMap[] {
  return [...new Map(volumes.map((volume) => [textOf(volume['target']), volume])).values()];
}

function tidied(volume: ValueMap): ValueMap {
  if (volume['short'] !== true) return volume;
  return mapOf([...Object.entries(volume), ['target', cleanTarget(textOf(volume['target']) ?? '')]]);
}

/** A path in the container without `.`, `..` and a slash at the end. */
export function cleanTarget(target: string): string {
  return target === '' ? '' : posix.normalize(target).replace(/(?<=.)\/$/, '');
}

interface Volume {
  readonly type: string;
  readonly source: string | null;
  readonly target: string;
  readonly readOnly: boolean;
}

function longVolume(value: ValueMap): Volume | string {
  const target = textOf(value['target']);
  const source = textOf(value['source']);
  if (target === null) return 'a volume has no target';
  const type = textOf(value['type']) ?? (source !== null && isFilePath(source) ? 'bind' : 'volume');
  return { type, source: source === '' ? null : source, target, readOnly: isTrue(value['read_only']) };
}

function isTrue(value: Value | undefined): boolean {
  return /^(?:true|y|yes|on)$/i.test(textOf(value) ?? '');
}

/**
 * `target`, `source:target` or `source:target:options`.
 *
 * Source: compose-spec/compose-go, format/volume.go.
 */
function shortVolume(spec: string): Volume | string {
  const parts = spec.length < 3 ? [spec] : splitSpec(spec);
  if (parts.includes('')) return `the volume "${spec}" has an empty part`;
  if (parts.length > 3) return `the volume "${spec}" has too many colons`;
  const [first = '', target, options = ''] = parts;
  if (target === undefined) return { type: 'volume', source: null, target: first, readOnly: false };
  const access = options.split(',').filter((option) => option === 'ro' || option === 'rw');
  return {
    type: isFilePath(first) ? 'bind' : 'volume',
    source: first,
    target,
    readOnly: access.at(-1) === 'ro',
  };
}

/** At each colon but that of a Windows drive. */
function splitSpec(spec: string): readonly string[] {
  const parts: string[] = [];
  let part = '';
  for (const character of spec) {
    if (character === ':' && !/^\p{L}$/u.test(part)) {
      parts.push(part);
      part = '';
    } else {
      part += character;
    }
  }
  return [...parts, part];
}

function isFilePath(source: string): boolean {
  return /^(?:[./~]|\\\\|\p{L}:)/u.test(source);
}
