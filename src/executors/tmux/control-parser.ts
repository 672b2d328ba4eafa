import { toBytes } from '../../core/command.ts';
import { BerthError } from '../../core/errors.ts';

/** What a tmux server says in control mode (tmux(1), "CONTROL MODE"). */
export type ControlEvent =
  | {
      readonly kind: 'reply';
      /** The server's number of the command; grows with every command of any client. */
      readonly number: number;
      /** Answers a command that came over this very connection. */
      readonly mine: boolean;
      readonly ok: boolean;
      /** One character a byte (latin1): output of a terminal need not be UTF-8. */
      readonly lines: readonly string[];
    }
  | { readonly kind: 'notification'; readonly name: string; readonly text: string }
  | { readonly kind: 'output'; readonly pane: string; readonly bytes: Buffer };

interface Block {
  /** `TIME NUMBER`: only an end with both closes it. A pane may print any `%end`. */
  readonly key: string;
  readonly number: number;
  readonly mine: boolean;
  readonly lines: string[];
}

/** Bytes of a control-mode client in, events out. Holds no more than one unfinished line and one open block. */
export class ControlParser {
  private held = '';
  private block: Block | null = null;

  feed(bytes: Uint8Array): readonly ControlEvent[] {
    const text = this.held + Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');
    const lines = text.split('\n');
    this.held = lines.pop() ?? '';
    return lines.flatMap((line) => this.line(line) ?? []);
  }

  private line(line: string): ControlEvent | null {
    const guard = /^%(begin|end|error) (\d+ (\d+))(?: (\d+))?$/.exec(line);
    if (this.block === null) {
      if (guard?.[1] !== 'begin') return outside(line);
      const [, , key = '', number, flags] = guard;
      this.block = { key, number: Number(number), mine: (Number(flags) & 1) === 1, lines: [] };
      return null;
    }
    const { key, number, mine, lines } = this.block;
    if (guard?.[2] !== key || guard[1] === 'begin') {
      lines.push(line);
      return null;
    }
    this.block = null;
    return { kind: 'reply', number, mine, ok: guard[1] === 'end', lines };
  }
}

function outside(line: string): ControlEvent | null {
  const [, name, text = ''] = /^%([a-z-]+)(?: (.*))?$/s.exec(line) ?? [];
  if (name === undefined) return null;
  if (name !== 'output' && name !== 'extended-output') return { kind: 'notification', name, text };
  // `%output PANE TEXT`; `%extended-output PANE AGE ... : TEXT`
  const [, pane = '', escaped = ''] =
    (name === 'output' ? /^(%\d+) (.*)$/s : /^(%\d+) .*? : (.*)$/s).exec(text) ?? [];
  return { kind: 'output', pane, bytes: decodeOutput(escaped) };
}

/** Undo the escapes of `%output`: control characters and backslashes come as `\ooo`, a byte each. */
export function decodeOutput(escaped: string): Buffer {
  const text = escaped.replaceAll(/\\([0-7]{3})/g, (_, digits: string) =>
    String.fromCharCode(Number.parseInt(digits, 8)),
  );
  return Buffer.from(text, 'latin1');
}

/**
 * Servers before 3.8 may put notifications inside a block. For a command whose own lines cannot look
 * like one, this takes them out.
 */
export function splitNotifications(lines: readonly string[]): {
  readonly own: readonly string[];
  readonly strays: readonly ControlEvent[];
} {
  const isStray = (line: string) => /^%[a-z][a-z-]*( |$)/.test(line) && !/^%(begin|end|error) /.test(line);
  return {
    own: lines.filter((line) => !isStray(line)),
    strays: lines.filter(isStray).flatMap((line) => outside(line) ?? []),
  };
}

/**
 * One command as a line that tmux's own parser splits back into the same words (cmd-parse.y).
 * Single quotes, in which nothing is expanded; what cannot stand in a line becomes an escape.
 *
 * @throws {BerthError} `INVALID_VALUE`: a NUL byte
 */
export function commandLine(argv: readonly string[]): Buffer {
  return toBytes(`${argv.map(word).join(' ')}\n`);
}

function word(text: string): string {
  if (text.includes('\0')) {
    throw new BerthError('A text for tmux holds a NUL byte.', {
      code: 'INVALID_VALUE',
      hint: 'Take the NUL byte out.',
    });
  }
  if (/^[A-Za-z0-9_./:=@,+-]+$/.test(text)) return text;
  const parts = text.split(SPECIAL).filter((part) => part !== '');
  return parts.length === 0 ? "''" : parts.map(quotePart).join('');
}

/**
 * Single quotes, ends of lines, and bytes that are not UTF-8: tmux takes 0xff for the end of its input. By code
 * points: half of an emoji is no such byte.
 */
const SPECIAL = /([\n\r'\udc80-\udcff]+)/u;

function quotePart(part: string): string {
  if (!SPECIAL.test(part)) return `'${part}'`;
  const escaped = part
    .replaceAll('\n', '\\n')
    .replaceAll('\r', '\\r')
    .replaceAll(/[\udc80-\udcff]/gu, (byte) => `\\${(byte.charCodeAt(0) - 0xdc00).toString(8)}`);
  return `"${escaped}"`;
}
