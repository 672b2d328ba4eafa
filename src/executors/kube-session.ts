import { closeSync, openSync, statSync, writeSync } from 'node:fs';
import { kubectlExec, type PodTarget } from '../core/cluster.ts';
import type { BerthError } from '../core/errors.ts';
import type { Host } from '../core/host.ts';
import { execRefusal } from '../core/kubectl-words.ts';
import MESSENGER from './kube-pod.sh?raw';
import type { RunFiles } from './run-directory.ts';

/** One connection to a run in a pod. */
export interface PodSession {
  /** The pod's first word, or how the connection ended without one. */
  readonly begun: Promise<'started' | PodEnd>;
  readonly ended: Promise<PodEnd>;
  order(word: 'stop' | 'kill'): void;
  /** Hang up. The run goes on. */
  close(): void;
}

export type PodEnd =
  /** It has ended, and all that it wrote is here. */
  | { readonly kind: 'finished' }
  /** It has left no process and no record. */
  | { readonly kind: 'gone' }
  /** The container knows of no such run. */
  | { readonly kind: 'absent' }
  | { readonly kind: 'no_place' }
  /** The connection broke; the run is not touched by that. */
  | { readonly kind: 'cut' }
  /** We were not let in. */
  | { readonly kind: 'turned_away'; readonly error: BerthError; readonly isCertain: boolean };

export interface SessionPlan {
  readonly target: PodTarget;
  readonly name: string;
  readonly at: RunFiles;
  /** Starts the run unless it is there; null only follows it. */
  readonly script: Buffer | null;
}

/** A messenger that lives says so every ten seconds. */
const SILENCE_MS = 45_000;

export function openSession(host: Host, { target, name, at, script }: SessionPlan): PodSession {
  const sizes = [at.out, at.err].map((path) => statSync(path, { throwIfNoEntry: false })?.size ?? 0);
  const mode = script === null ? 'follow' : 'start';
  const words = [mode, name, ...sizes.map(String), String(script?.length ?? 0)];
  const argv = kubectlExec(target, ['sh', '-c', MESSENGER, 'sh', ...words], { stdin: true, tty: false });
  const child = host.spawn({ argv, cwd: null, env: {} }, PIPES);
  const stdin = child.stdin;
  stdin?.on('error', () => {}); // a pod that could not be entered reads nothing
  if (script !== null) stdin?.write(script);
  let said = '';
  child.stderr?.on('data', (chunk: Buffer) => {
    said = (said + chunk.toString()).slice(0, 4000);
  });
  let begin: (word: 'started') => void = () => {};
  const started = new Promise<'started'>((resolve) => {
    begin = resolve;
  });
  const note = (words: string) => {
    said = `${words}\n${said}`;
  };
  const hangUp = () => child.kill('SIGKILL');
  const ended = listen(child.stdout, { at, begin, note, hangUp, done: () => stdin?.end('done\n') }).then(
    async (last) => {
      if (last !== null) return last;
      await child.ended;
      return refusalOf(said, target) ?? ({ kind: 'cut' } as const);
    },
  );
  return {
    begun: Promise.race([started, ended]),
    ended,
    order: (word) => void stdin?.write(`${word}\n`),
    close: hangUp,
  };
}

const PIPES = { stdin: 'pipe', stdout: 'pipe', stderr: 'pipe', detached: true } as const;

function refusalOf(said: string, target: PodTarget): PodEnd | null {
  const refusal = execRefusal(said, target);
  return refusal && { kind: 'turned_away', ...refusal };
}

interface Listener {
  readonly at: RunFiles;
  begin(word: 'started'): void;
  /** Words that are not the messenger's: an engine's. */
  note(words: string): void;
  hangUp(): void;
  /** Everything has arrived. */
  done(): void;
}

/**
 * Takes the messenger's words down; null when the connection ended without a last one. The last word is the end:
 * what the connection does afterwards is nobody's concern.
 */
function listen(
  stdout: NodeJS.ReadableStream | null,
  { at, begin, note, hangUp, done }: Listener,
): Promise<PodEnd | null> {
  // position by position, not appended: what comes twice is written over itself
  const files = { o: openSync(at.out, 'r+'), e: openSync(at.err, 'r+') };
  const frames = new Frames((kind, position, bytes) => writeAt(files[kind], bytes, position));
  const patience = setTimeout(hangUp, SILENCE_MS);
  return new Promise((resolve) => {
    let isOver = false;
    const finish = (last: PodEnd | null) => {
      if (isOver) return;
      isOver = true;
      closeSync(files.o);
      closeSync(files.e);
      if (last !== null) done();
      resolve(last);
    };
    const take = (word: string) => {
      if (word === 's') begin('started');
      else if (word.length > 1) note(word);
      const last = LAST_WORDS[word];
      if (last !== undefined) finish(last);
    };
    stdout?.on('data', (chunk: Buffer) => {
      patience.refresh();
      if (!isOver) frames.take(chunk).forEach(take);
    });
    stdout?.on('error', () => {}); // a broken pipe is a connection that broke
    stdout?.once('close', () => {
      clearTimeout(patience);
      finish(null);
    });
  });
}

const LAST_WORDS: Readonly<Record<string, PodEnd>> = {
  z: { kind: 'finished' },
  d: { kind: 'gone' },
  a: { kind: 'absent' },
  n: { kind: 'no_place' },
};

function writeAt(file: number, bytes: Buffer, position: number): void {
  for (let at = 0; at < bytes.length; ) at += writeSync(file, bytes, at, bytes.length - at, position + at);
}

/** Splits the messenger's stream into words and pieces of output; a piece may come in many chunks. */
class Frames {
  private header = '';
  private piece: { readonly kind: 'o' | 'e'; position: number; left: number } | null = null;
  private readonly write: (kind: 'o' | 'e', position: number, bytes: Buffer) => void;

  constructor(write: (kind: 'o' | 'e', position: number, bytes: Buffer) => void) {
    this.write = write;
  }

  /** Words that came with these bytes. */
  take(chunk: Buffer): string[] {
    const words: string[] = [];
    for (let at = 0; at < chunk.length; ) {
      if (this.piece !== null && this.piece.left > 0) {
        const bytes = chunk.subarray(at, at + this.piece.left);
        this.write(this.piece.kind, this.piece.position, bytes);
        this.piece.position += bytes.length;
        this.piece.left -= bytes.length;
        at += bytes.length;
        continue;
      }
      const end = chunk.indexOf(10, at);
      this.header += chunk.subarray(at, end < 0 ? chunk.length : end).toString('latin1');
      at = end < 0 ? chunk.length : end + 1;
      if (end < 0) break;
      const { header } = this;
      this.header = '';
      const [kind, position = '', length = ''] = header.split(' ');
      if (kind === 'o' || kind === 'e')
        this.piece = { kind, position: Number(position), left: Number(length) };
      else words.push(header);
    }
    return words;
  }
}
