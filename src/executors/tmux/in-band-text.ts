import { createHash } from 'node:crypto';
import { toBytes } from '../../core/command.ts';
import IN_BAND from './in-band.sh?raw';

/**
 * A run over a terminal, for a shell that shares no files with us. The typed line starts a receiver at the other
 * end; it reads the script in short lines, compares its checksum, and runs it. What comes back are escape
 * sequences with a nonce, `ESC ] 7373 ; NONCE ; ... BEL`: the echo of a typed line holds no ESC, so none can match.
 */
export interface Upload {
  /** What is typed at the prompt; any shell takes it. */
  readonly bootstrap: string;
  /** What the receiver reads, printable ASCII, the last one the end. */
  readonly lines: readonly string[];
}

/** Canonical terminals cut a line at 4,095 characters, and line editors are slow long before. */
const LINE_CHARACTERS = 800;

/**
 * @param nonce   hex digits
 * @param script  POSIX sh: the whole run, held by its stdin
 */
export function uploadOf(nonce: string, script: string): Upload {
  const text = [
    `berth_nonce=${nonce}`,
    'berth_mark() { printf "\\033]7373;%s;%s\\007" "$berth_nonce" "$1"; }',
    'berth_script() {',
    'berth_pidfile=',
    script,
    '}',
    IN_BAND,
  ].join('\n');
  const lines = encoded(toBytes(text));
  return { bootstrap: bootstrapOf(nonce, lines.join('')), lines: [...lines, END] };
}

/** No line of an upload is this one: a backslash in it is followed by another, a digit or an n. */
const END = '\\.';

/**
 * In single quotes, without one inside and without a backslash before one: so bash, zsh, fish, dash and busybox
 * read it alike. The terminal gives the receiver ten seconds for each byte: one that comes late, when we have
 * given up, ends by itself.
 */
function bootstrapOf(nonce: string, text: string): string {
  const { crc, length } = cksum(Buffer.from(text));
  // not every busybox has cksum
  const md5 = createHash('md5').update(text).digest('hex');
  const receiver = [
    'trap : INT',
    `m(){ printf "\\033]7373;%s;%s\\007" ${nonce} $1;}`,
    'o=$(stty -g)&&stty -echo -icanon min 0 time 99||{ m nostty;exit 1;}',
    'm ready',
    's=',
    `while IFS= read -r l&&[ "$l" != "${END}" ];do s=$s$l;done`,
    'stty $o -echo',
    'c=$(printf %s "$s"|cksum 2>/dev/null||printf %s "$s"|md5sum)',
    `w=bad;case $c in "${crc} ${length}"|"${md5} "*)eval "$(printf %b "$s")";w=over;;esac`,
    // the last word comes when nothing is left to be done: the next line may be typed right then
    'stty $o',
    'm $w',
  ];
  return ` /bin/sh -c '${receiver.join(';')}'`;
}

/** Text for `printf %b`, in lines that break no escape. */
function encoded(bytes: Uint8Array): readonly string[] {
  const lines: string[] = [];
  let line = '';
  for (const byte of bytes) {
    line += escaped(byte);
    if (line.length < LINE_CHARACTERS) continue;
    lines.push(line);
    line = '';
  }
  return line === '' ? lines : [...lines, line];
}

function escaped(byte: number): string {
  if (byte === 0x0a) return '\\n';
  if (byte === 0x5c) return '\\\\';
  return byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : `\\0${byte.toString(8).padStart(3, '0')}`;
}

/** POSIX.1-2017, cksum: the CRC of ISO 8802-3 over the bytes and their number. */
export function cksum(bytes: Uint8Array): { readonly crc: number; readonly length: number } {
  let crc = 0;
  const add = (byte: number) => {
    crc ^= byte << 24;
    for (let bit = 0; bit < 8; bit++) crc = crc & 0x8000_0000 ? (crc << 1) ^ 0x04c1_1db7 : crc << 1;
  };
  for (const byte of bytes) add(byte);
  for (let length = bytes.length; length > 0; length = Math.floor(length / 256)) add(length % 256);
  return { crc: ~crc >>> 0, length: bytes.length };
}

export type TerminalWord =
  | { readonly kind: 'ready' | 'nostty' | 'begun' | 'bad' | 'over' }
  | {
      readonly kind: 'output';
      readonly stream: 'out' | 'err';
      /** Where in its stream the bytes belong. */
      readonly offset: number;
      readonly bytes: Buffer;
    };

/**
 * What a terminal said in our sequences; all else on it is not ours.
 *
 * @returns  the words, and how many bytes were read: the rest may be the beginning of one
 */
export function readTerminal(
  raw: Buffer,
  nonce: string,
): { readonly words: readonly TerminalWord[]; readonly read: number } {
  const words: TerminalWord[] = [];
  const lead = Buffer.from(`\x1b]7373;${nonce};`);
  let read = 0;
  for (;;) {
    const begin = raw.indexOf(lead, read);
    if (begin < 0) return { words, read: Math.max(read, raw.length - lead.length + 1, 0) };
    const end = raw.indexOf(0x07, begin);
    if (end < 0) return { words, read: begin };
    words.push(...wordOf(raw.toString('latin1', begin + lead.length, end)));
    read = end + 1;
  }
}

function wordOf(text: string): readonly TerminalWord[] {
  const [, stream, offset = '', hex = ''] = /^([oe]);(\d+);((?:[0-9a-f]{2})+)$/.exec(text) ?? [];
  if (stream !== undefined) {
    const bytes = Buffer.from(hex, 'hex');
    return [{ kind: 'output', stream: stream === 'o' ? 'out' : 'err', offset: Number(offset), bytes }];
  }
  const kinds = ['ready', 'nostty', 'begun', 'bad', 'over'] as const;
  return kinds.filter((kind) => kind === text).map((kind) => ({ kind }));
}
