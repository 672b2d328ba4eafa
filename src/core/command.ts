import { BerthError } from './errors.ts';

/**
 * One program start, as an argument list. Nothing in berth builds a command line
 * and splits it again.
 *
 * Texts that come from outside may hold bytes that are not UTF-8. They travel as
 * "byte strings": each such byte b is the lone surrogate U+DC00 + b, which JSON and
 * SQLite keep and which no valid text contains (the scheme of Python's PEP 383).
 */
export interface Command {
  readonly argv: readonly string[];
  /** Working directory; null leaves it to whoever starts the command. */
  readonly cwd: string | null;
  /** Variables to add. */
  readonly env: Readonly<Record<string, string>>;
}

/**
 * Turn an argument list into one line that a POSIX shell splits back into the same list.
 *
 * @param argv  program and arguments, in order; any text but NUL, may be empty
 * @throws      {BerthError} `INVALID_VALUE`: no process can be given U+0000
 *
 * Source: POSIX.1-2017, Shell Command Language, 2.2 "Quoting".
 */
export function shellQuote(argv: readonly string[]): string {
  return argv.map((word, index) => (index === 0 ? quoteFirst(word) : quoteWord(word))).join(' ');
}

/** In front of a command, `name=value` would be an assignment and `time` a word of the shell's own. */
function quoteFirst(text: string): string {
  const isSpecial = /^[A-Za-z_]\w*=/.test(text) || RESERVED.has(text);
  return isSpecial && quoteWord(text) === text ? `'${text}'` : quoteWord(text);
}

const RESERVED = new Set(
  'if then else elif fi do done case esac while until for in function select time'.split(' '),
);

/** One argument as one shell word; plain words stay as they are, so that people can read the result. */
export function quoteWord(text: string): string {
  if (text.includes('\0')) {
    throw new BerthError(`The argument ${JSON.stringify(text.slice(0, 60))} holds a NUL byte.`, {
      code: 'INVALID_VALUE',
      hint: 'No program can be given a NUL byte as an argument; pass it in a file.',
    });
  }
  if (/^[\w/:.,@%+-][\w/:.,@%+=-]*$/.test(text)) return text;
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

/** The bytes of a byte string. */
export function toBytes(text: string): Buffer {
  const parts = text.match(/[\udc80-\udcff]|[^\udc80-\udcff]+/gu) ?? [];
  return Buffer.concat(
    parts.map((part) =>
      /^[\udc80-\udcff]$/u.test(part) ? Buffer.from([part.charCodeAt(0) - 0xdc00]) : Buffer.from(part),
    ),
  );
}

/** Any bytes as a byte string: `toBytes(fromBytes(b))` is `b`. */
export function fromBytes(bytes: Uint8Array): string {
  const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  try {
    return strict.decode(bytes);
  } catch {
    return [...byteRuns(bytes)].join('');
  }
}

/** Longest valid UTF-8 runs as text, each byte between them as its surrogate. */
function* byteRuns(bytes: Uint8Array): Generator<string> {
  let at = 0;
  while (at < bytes.length) {
    const length = utf8Length(bytes, at);
    if (length === 0) yield String.fromCharCode(0xdc00 + (bytes[at] ?? 0));
    else yield Buffer.from(bytes.subarray(at, at + length)).toString('utf8');
    at += Math.max(length, 1);
  }
}

/** Length of the valid UTF-8 sequence at `at`, or 0. */
function utf8Length(bytes: Uint8Array, at: number): number {
  const first = bytes[at] ?? 0;
  const length = first < 0x80 ? 1 : first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : first >= 0xc2 ? 2 : 0;
  const text = Buffer.from(bytes.subarray(at, at + length)).toString('utf8');
  return length > 0 && Buffer.byteLength(text) === length && !text.includes('\ufffd') ? length : 0;
}
