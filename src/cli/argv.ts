import { readFileSync } from 'node:fs';
import { fromBytes } from '../core/command.ts';

/**
 * The words of the command line as byte strings. Node replaces bytes that are not UTF-8 by U+FFFD;
 * where one stands, the true bytes are read from /proc (Linux).
 */
export function rawArguments(argv: readonly string[]): readonly string[] {
  if (!argv.some((word) => word.includes('\ufffd'))) return argv;
  try {
    return restoreBytes(argv, readFileSync('/proc/self/cmdline'));
  } catch {
    return argv;
  }
}

/** The last words of a NUL-separated command line, where they are the same words as Node's. */
export function restoreBytes(argv: readonly string[], cmdline: Buffer): readonly string[] {
  const words: Buffer[] = [];
  for (let start = 0; start < cmdline.length; ) {
    const end = cmdline.indexOf(0, start);
    words.push(cmdline.subarray(start, end === -1 ? cmdline.length : end));
    start = end === -1 ? cmdline.length : end + 1;
  }
  const last = words.slice(words.length - argv.length);
  const same = last.length === argv.length && last.every((word, at) => word.toString('utf8') === argv[at]);
  return same ? last.map(fromBytes) : argv;
}
