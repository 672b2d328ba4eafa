import { closeSync, existsSync, openSync, readSync, statSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { type RunFiles, readFacts } from '../run-directory.ts';
import type { TmuxControl } from '../tmux-control.ts';
import { readTerminal, type TerminalWord } from './in-band-text.ts';

/** What a pane printed since a run was given to it, as tmux keeps it. */
export function recordOf(at: RunFiles): string {
  return join(at.path, 'terminal');
}

interface RecordedPane {
  readonly control: TmuxControl;
  readonly pane: string;
}

/** From now on tmux keeps what the pane prints in this file. @param record  a path that `isTypable` */
export async function keepRecord({ control, pane }: RecordedPane, record: string): Promise<void> {
  await control.run(['set-option', '-p', '-t', pane, OWNER, record]);
  await control.run(['pipe-pane', '-O', '-t', pane, `exec cat >>${record}`]);
}

/** No longer; but the record of a later run is left alone: whoever follows an earlier one may come late. */
export async function endRecord({ control, pane }: RecordedPane, record: string): Promise<void> {
  const isKept = `#{==:#{${OWNER}},${record}}`;
  await control.runBeside(['if-shell', '-F', '-t', pane, isKept, `pipe-pane -t ${pane}`]);
}

/** Option of the pane: the record that is kept of it. */
const OWNER = '@berth_record';

/** Puts the output of a run from the record of its terminal into its files. To read it twice changes nothing. */
export class TerminalReader {
  /** What was said so far, but for the output. */
  readonly said = new Set<TerminalWord['kind']>();
  private readonly at: RunFiles;
  private readonly nonce: string;
  private position = 0;

  constructor(at: RunFiles) {
    this.at = at;
    this.nonce = readFacts(at)?.nonce ?? '';
  }

  /** @returns whether there was anything new */
  read(): boolean {
    const bytes = from(recordOf(this.at), this.position);
    if (bytes.length === 0) return false;
    const { words, read } = readTerminal(bytes, this.nonce);
    for (const word of words) {
      this.said.add(word.kind);
      if (word.kind === 'output') put(word.stream === 'out' ? this.at.out : this.at.err, word);
    }
    this.position += read;
    return read > 0;
  }

  /** The first of these words that is said; null when none is within this time. */
  async next<K extends TerminalWord['kind']>(kinds: readonly K[], withinMs: number): Promise<K | null> {
    for (const deadline = Date.now() + withinMs; Date.now() < deadline; await delay(5)) {
      this.read();
      const said = kinds.find((kind) => this.said.has(kind));
      if (said !== undefined) return said;
    }
    return null;
  }
}

function from(path: string, position: number): Buffer {
  if (!existsSync(path)) return Buffer.alloc(0);
  const file = openSync(path, 'r');
  try {
    const buffer = Buffer.alloc(Math.max(0, Math.min(statSync(path).size - position, PIECE_BYTES)));
    return buffer.subarray(0, readSync(file, buffer, 0, buffer.length, position));
  } finally {
    closeSync(file);
  }
}

const PIECE_BYTES = 4 * 1024 * 1024;

function put(path: string, { offset, bytes }: Extract<TerminalWord, { kind: 'output' }>): void {
  const file = openSync(path, existsSync(path) ? 'r+' : 'w', 0o600);
  writeSync(file, bytes, 0, bytes.length, offset);
  closeSync(file);
}
