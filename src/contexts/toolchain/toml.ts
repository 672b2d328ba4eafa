import { parse } from 'smol-toml';
import { textOf } from '../detect/files.ts';

/** A TOML file as plain data; null when it is not there or broken: a toolchain is a help, not a gate. */
export function readToml(path: string): unknown {
  const text = textOf(path);
  if (text === null) return null;
  try {
    return parse(text);
  } catch {
    return null;
  }
}

/** A JSON file as plain data; null as above. */
export function readJson(path: string): unknown {
  const text = textOf(path);
  if (text === null) return null;
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** The value at a path of keys, or undefined. */
export function field(data: unknown, ...keys: readonly string[]): unknown {
  return keys.reduce<unknown>(
    (value, key) =>
      typeof value === 'object' && value !== null && Object.hasOwn(value, key)
        ? (value as Readonly<Record<string, unknown>>)[key]
        : undefined,
    data,
  );
}
