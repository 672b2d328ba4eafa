/**
 * What a YAML document says. Numbers stay as they are written: nothing that berth reads from a Compose
 * file is a number, and `1.10` or `0777` must not change on the way.
 */
export type Value = null | boolean | string | readonly Value[] | ValueMap;

/** Made by `emptyMap`, so that a key named `__proto__` is a key like any other. */
export interface ValueMap {
  readonly [key: string]: Value;
}

export function emptyMap(): Record<string, Value> {
  return Object.create(null);
}

export function mapOf(entries: Iterable<readonly [string, Value]>): ValueMap {
  const map = emptyMap();
  for (const [key, value] of entries) map[key] = value;
  return map;
}

export function isMap(value: Value | undefined): value is ValueMap {
  return typeof value === 'object' && value !== null && !isList(value);
}

export function isList(value: Value | undefined): value is readonly Value[] {
  return Array.isArray(value);
}

/** A string, or what was written without quotes where one is expected; null for anything else. */
export function textOf(value: Value | undefined): string | null {
  return typeof value === 'string' ? value : typeof value === 'boolean' ? String(value) : null;
}

/** The texts of a list, or of a single one that stands for a list of one. */
export function textsOf(value: Value | undefined): readonly string[] {
  const items = isList(value) ? value : value === undefined ? [] : [value];
  return items.map(textOf).filter((text) => text !== null);
}
