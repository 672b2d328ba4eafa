import { BerthError, messageOf } from '../core/errors.ts';
import { interpolate, type Lookup } from './compose/interpolate.ts';

/**
 * The variables of an env file, read by the rules of Compose (which differ from those of `docker run`
 * and of other dotenv readers): quotes, escapes, `export`, comments, values over several lines,
 * `$NAME` from the caller and from earlier lines. A name alone copies the caller's value.
 *
 * @param lookup  the caller's variables
 * @param name    how to call the file in an error
 * @throws {BerthError} `ENV_FILE_INVALID` with the line
 */
export function readEnvFile(text: string, lookup: Lookup, name = 'The env file'): Record<string, string> {
  const { variables, problem } = parseEnvFile(text, lookup);
  if (problem === null) return variables;
  throw new BerthError(`${name}:${problem.line}: ${problem.message}.`, {
    code: 'ENV_FILE_INVALID',
    hint: 'Each line is NAME=value, NAME="value" or NAME; quotes may span lines, # begins a comment.',
  });
}

export interface EnvFile {
  /** What could be read; with a problem, what stands before it. */
  readonly variables: Record<string, string>;
  readonly problem: { readonly line: number; readonly message: string } | null;
}

/**
 * As `readEnvFile`, for those who go on with what is good.
 *
 * Source: compose-spec/compose-go, dotenv/parser.go.
 */
export function parseEnvFile(text: string, lookup: Lookup): EnvFile {
  const variables: Record<string, string> = Object.create(null);
  const expand = (value: string) => interpolate(value, (name) => lookup(name) ?? variables[name]);
  let at = text.startsWith('\ufeff') ? 1 : 0;
  try {
    for (at = nextStatement(text, at); at < text.length; at = nextStatement(text, at)) {
      const { name, bare, end } = readName(text, at);
      if (bare) {
        const value = lookup(name);
        if (value !== undefined) variables[name] = value;
        at = end;
      } else {
        const value = readValue(text, end);
        variables[name] = value.literal ? value.text : expand(value.text);
        at = value.end;
      }
    }
    return { variables, problem: null };
  } catch (error) {
    return { variables, problem: { line: lineAt(text, at), message: messageOf(error) } };
  }
}

// Go's unicode.IsSpace; JavaScript's \s differs in U+0085 and U+FEFF
const SPACE = /[\t-\r \u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]/;
const EXPORT = new RegExp(`export${SPACE.source}+`, 'y');
const NAME_AND_SIGN = /([^=:\n]*)(=|:|\n|$)[\t\v\f\r \u0085\u00a0]*/y;
const BAD_NAME_CHARACTER = /[^\p{L}\p{N}_.\-[\]]/u;

function nextStatement(text: string, from: number): number {
  let at = from;
  while (at < text.length) {
    if (text[at] === '#') at = lineEnd(text, at);
    else if (SPACE.test(text[at] ?? '')) at += 1;
    else break;
  }
  return at;
}

function readName(text: string, at: number): { name: string; bare: boolean; end: number } {
  const start = at + (matchAt(EXPORT, text, at)?.[0].length ?? 0);
  const [whole = '', before = '', sign = ''] = matchAt(NAME_AND_SIGN, text, start) ?? [];
  const name = trimEnd(before);
  const bad = BAD_NAME_CHARACTER.exec(name)?.[0];
  if (bad !== undefined) throw new Error(`the name holds ${JSON.stringify(bad)}, which no variable name may`);
  if (name === '') throw new Error(`no name stands before ${JSON.stringify(sign)}`);
  return { name, bare: sign === '\n' || sign === '', end: start + whole.length };
}

interface RawValue {
  readonly text: string;
  /** In single quotes: no variables. */
  readonly literal: boolean;
  readonly end: number;
}

function readValue(text: string, at: number): RawValue {
  const quote = text[at];
  if (quote === '"' || quote === "'") return readQuoted(text, at, quote);
  const end = lineEnd(text, at);
  const line = text.slice(at, end);
  const comment = line.indexOf(' #');
  return { text: trimEnd(comment === -1 ? line : line.slice(0, comment)), literal: false, end };
}

function readQuoted(text: string, at: number, quote: '"' | "'"): RawValue {
  for (let i = at + 1; i < text.length; i++) {
    if (text[i] === '\\') i += 1;
    else if (text[i] === quote) {
      const value = text.slice(at + 1, i).replaceAll(`\\${quote}`, quote);
      return { text: quote === '"' ? expandEscapes(value) : value, literal: quote === "'", end: i + 1 };
    }
  }
  throw new Error(`the ${quote} that opens the value is never closed`);
}

const ESCAPES: Readonly<Record<string, string>> = {
  a: '\x07',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
  '\\': '\\',
  '"': '"',
  // what interpolation turns into a dollar sign
  $: '$$',
};

function expandEscapes(value: string): string {
  return value.replace(/\\([abcfnrtv$"\\]|0\d{0,3})/g, (whole, code: string) => {
    if (!code.startsWith('0')) return ESCAPES[code] ?? whole;
    // as in Go, \0 and exactly three octal digits are a character; otherwise only the zero is lost
    const octal = code.slice(1);
    const character = /^[0-7]{3}$/.test(octal) ? Number.parseInt(octal, 8) : 256;
    return character > 255 ? `\\${octal}` : String.fromCharCode(character);
  });
}

function lineEnd(text: string, at: number): number {
  const newline = text.indexOf('\n', at);
  return newline === -1 ? text.length : newline;
}

function trimEnd(text: string): string {
  let end = text.length;
  while (end > 0 && SPACE.test(text[end - 1] ?? '')) end -= 1;
  return text.slice(0, end);
}

function lineAt(text: string, at: number): number {
  return text.slice(0, at).split('\n').length;
}

function matchAt(pattern: RegExp, text: string, at: number): RegExpExecArray | null {
  pattern.lastIndex = at;
  return pattern.exec(text);
}
