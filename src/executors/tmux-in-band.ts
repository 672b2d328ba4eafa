import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Executor, RunEnd, RunSpec } from '../core/executor.ts';
import type { Host, ProcessRef } from '../core/host.ts';
import {
  createRunDirectory,
  type RunFiles,
  readEnd,
  readProcesses,
  runFiles,
  sealRun,
} from './run-directory.ts';
import { notReady, typeAtPrompt, whyNotFree } from './tmux/free-prompt.ts';
import { type Upload, uploadOf } from './tmux/in-band-text.ts';
import { Looks } from './tmux/looks.ts';
import { endRecord, keepRecord, recordOf, TerminalReader } from './tmux/terminal-record.ts';
import { isTypable } from './tmux/type-line.ts';
import type { TmuxControl } from './tmux-control.ts';

/** A pane whose terminal is another one: behind `docker exec`, `kubectl exec` or `ssh`. */
export interface RemotePane {
  readonly control: TmuxControl;
  readonly pane: string;
  /** The program of this machine that is in front; null when it no longer is. */
  client(): Omit<ProcessRef, 'bootId'> | null;
}

/** How long the other end may take to answer; it may be far away. */
const ANSWER_MS = 15_000;
/** How long until the other end has read and checked the script. */
const BEGIN_MS = 30_000;
/** How much longer than the grace a stop may take until the other end counts as silent. */
const STOP_MS = 20_000;
const LAST_WORDS_MS = 500;
const LEFT_BEHIND_MS = 2_000;
/** Lines of an upload in one command: 0.15 ms each over the connection. */
const LINES = 8;

/**
 * Runs in a shell that shares no files with us, over its terminal. What it prints is kept by tmux in
 * `terminal` of the run directory, whether or not we live, and is put from there into the files that every run
 * has; so whoever comes next finds the same.
 *
 * @param open  the pane of a run; only asked for to start, to stop and at the end
 */
export function inBandExecutor(
  host: Host,
  runs: string,
  open: () => Promise<RemotePane>,
): Omit<Executor, 'kind'> {
  const files = (directory: string) => runFiles(runs, directory);
  const followed = new Map<string, Promise<RunEnd>>();
  const follow = (directory: string): Promise<RunEnd> => {
    const known = followed.get(directory) ?? new Follower(host, files(directory), open).end();
    followed.set(directory, known);
    known.finally(() => followed.delete(directory)).catch(() => {});
    return known;
  };
  return {
    async start(run) {
      const at = files(run.directory);
      if (readProcesses(at) !== null) return 'already';
      createRunDirectory(at, run);
      const remote = await open();
      if (!(await begin({ host, remote, at, run }))) return 'already';
      void follow(run.directory).catch(() => {});
      return 'started';
    },
    watch: (directory, signal) => givenUp(follow(directory), signal),
    async stop(directory) {
      // whoever follows the run types the order
      if (readEnd(files(directory)) === null)
        writeFileSync(join(files(directory).path, 'stop'), `${Date.now()}`);
    },
    async seal(directory, end) {
      sealRun(files(directory), end);
      rmSync(recordOf(files(directory)), { force: true });
    },
    async state(directory) {
      const at = files(directory);
      if (readEnd(at) === null) new TerminalReader(at).read();
      if (readEnd(at) !== null) return 'ended';
      const main = readProcesses(at)?.main ?? null;
      if (main === null) return 'absent';
      return host.isAlive(main) ? 'running' : 'vanished';
    },
  };
}

interface Beginning {
  readonly host: Host;
  readonly remote: RemotePane;
  readonly at: RunFiles;
  readonly run: RunSpec;
}

/**
 * Type the receiver, give it the script, and wait until it runs it.
 *
 * @returns  false when another process has begun this run
 * @throws {BerthError} `SHELL_NOT_READY`: nothing ran and nothing will
 */
async function begin({ host, remote, at, run }: Beginning): Promise<boolean> {
  const record = recordOf(at);
  if (!isTypable(record))
    throw notReady('its run directory has a path that cannot stand in a command of tmux');
  const client = await freeClient(remote).catch((error: unknown) => {
    // what is in the way is this very run, begun by another process
    if (readProcesses(at) !== null) return null;
    throw error;
  });
  if (client === null || !takeToken(at, { ...client, bootId: host.self.bootId })) return false;
  writeFileSync(join(at.path, 'in-band.json'), JSON.stringify({ graceMs: run.limits?.graceMs ?? 0 }));
  for (const path of [record, at.out, at.err]) writeFileSync(path, '', { mode: 0o600 });
  await keepRecord(remote, record);
  try {
    const script = `${run.environment}\n${run.elsewhere ?? run.script}`;
    await give(remote, new TerminalReader(at), uploadOf(run.nonce, script));
  } catch (error) {
    await endRecord(remote, record);
    throw error;
  }
  rmSync(at.environment, { force: true });
  return true;
}

/** @throws {BerthError} `SHELL_NOT_READY` */
async function freeClient({ control, pane, client }: RemotePane): Promise<Omit<ProcessRef, 'bootId'>> {
  const blocked = await whyNotFree(control, pane, async () => {
    if (client() === null) return 'no program that leads elsewhere is in front';
    // the record of the run before may be closed a moment after its end
    const [piped] = await control.run(['display-message', '-p', '-t', pane, '#{pane_pipe}']);
    return piped === '1' ? 'what it prints is piped elsewhere already (tmux pipe-pane)' : null;
  });
  const found = client();
  if (blocked !== null || found === null) throw notReady(blocked ?? 'its program has ended');
  return found;
}

async function give({ control, pane }: RemotePane, reader: TerminalReader, upload: Upload): Promise<void> {
  await typeAtPrompt(control, pane, upload.bootstrap);
  const answer = await reader.next(['ready', 'nostty'], ANSWER_MS);
  if (answer === 'nostty') throw notReady('the place behind it has no stty');
  if (answer === null)
    throw notReady('it did not answer; a tmux or screen inside would keep the answer back');
  for (let at = 0; at < upload.lines.length; at += LINES) {
    const text = upload.lines.slice(at, at + LINES).map((line) => `${line}\r`);
    await control.run(['send-keys', '-t', pane, '-l', '--', text.join('')]);
  }
  const begun = await reader.next(['begun', 'bad'], BEGIN_MS);
  if (begun === 'bad') throw notReady('the script did not arrive whole, or there is no cksum and no md5sum');
  // no word at all: the watch tells how that ends
}

/** Made once: of two starters one goes on. */
function takeToken(at: RunFiles, { pid, startTime, bootId }: ProcessRef): boolean {
  try {
    writeFileSync(at.pid, `run ${pid} ${startTime} ${bootId}\n`, { flag: 'wx', mode: 0o600 });
    return true;
  } catch {
    return false;
  }
}

/** Reads a run to its end, and types the order to stop. */
class Follower {
  private readonly host: Host;
  private readonly at: RunFiles;
  private readonly open: () => Promise<RemotePane>;
  private readonly reader: TerminalReader;
  private readonly sinceMs = Date.now();
  private ordered = false;
  private heardMs = Date.now();

  constructor(host: Host, at: RunFiles, open: () => Promise<RemotePane>) {
    this.host = host;
    this.at = at;
    this.open = open;
    this.reader = new TerminalReader(at);
  }

  async end(): Promise<RunEnd> {
    const events = new Looks(this.at.path);
    try {
      for (;;) {
        // alive first: what comes between the two looks is not missed
        const alive = this.isAlive();
        while (this.reader.read()) this.heardMs = Date.now();
        const end = this.complete(alive) ?? this.without(alive);
        if (end !== null) return end;
        await this.stopWhereAsked();
        await events.next();
      }
    } finally {
      events.close();
      // a program that kept what the pane prints is no longer needed
      await this.open()
        .then((remote) => endRecord(remote, recordOf(this.at)))
        .catch(() => {});
    }
  }

  /**
   * The record of the end, with all output before it; what the task left behind may keep that open for ever. A run
   * that was tidied up has no terminal any more.
   */
  private complete(alive: boolean): RunEnd | null {
    const end = readEnd(this.at);
    const isWhole = () => this.reader.said.has('over') || !existsSync(recordOf(this.at));
    return end !== null && (isWhole() || this.isSilent(alive)) ? end : null;
  }

  /** What was said last takes a moment to reach the record. */
  private isSilent(alive: boolean): boolean {
    return Date.now() - this.heardMs > (alive ? LEFT_BEHIND_MS : LAST_WORDS_MS);
  }

  private isAlive(): boolean {
    const main = readProcesses(this.at)?.main ?? null;
    return main !== null && this.host.isAlive(main);
  }

  /** The end of a run that left no record of it; null while one may come. */
  private without(alive: boolean): RunEnd | null {
    const { said } = this.reader;
    if (said.has('bad')) return vanished('The script did not arrive whole.', TURNED_AWAY);
    if (said.has('over')) return vanished('The shell went on, and the run had said nothing of its end.');
    if (!alive && this.isSilent(alive)) return vanished('The program that leads to its shell has ended.');
    if (!said.has('begun') && Date.now() - this.sinceMs > BEGIN_MS)
      return vanished('The other end of the terminal did not say that it began.');
    const stop = stopAskedAt(this.at);
    return stop !== null && Date.now() - stop > graceOf(this.at) + STOP_MS
      ? vanished('The other end of the terminal did not answer the order to stop.')
      : null;
  }

  /** For a shell the line does nothing, should the run be gone already. */
  private async stopWhereAsked(): Promise<void> {
    if (this.ordered || stopAskedAt(this.at) === null || !this.reader.said.has('begun')) return;
    // a pane that is gone takes no order; the end of the client tells the rest
    this.ordered = await this.open()
      .then(({ control, pane }) => control.run(['send-keys', '-t', pane, '-l', '--', ': stop\r']))
      .then(
        () => true,
        () => false,
      );
  }
}

const TURNED_AWAY = {
  code: 'SHELL_NOT_READY',
  message: 'The script did not arrive whole at the other end of the terminal.',
  hint: 'Nothing ran. Look at it with `berth session attach`, then `berth retry`.',
} as const;

function vanished(stderrTail: string, turnedAway?: typeof TURNED_AWAY): RunEnd {
  return { kind: 'vanished', exitCode: null, stdoutTail: '', stderrTail, ...(turnedAway && { turnedAway }) };
}

/** Time between TERM and KILL of a run; none where a crash has torn the file. */
function graceOf(at: RunFiles): number {
  try {
    return (JSON.parse(readFileSync(join(at.path, 'in-band.json'), 'utf8')) as { graceMs: number }).graceMs;
  } catch {
    return 0;
  }
}

function stopAskedAt(at: RunFiles): number | null {
  try {
    return Number(readFileSync(join(at.path, 'stop'), 'utf8'));
  } catch {
    return null;
  }
}

function givenUp<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = () => reject(new DOMException('The watch was given up; the run goes on.', 'AbortError'));
    if (signal.aborted) return abort();
    signal.addEventListener('abort', abort, { once: true });
    promise.finally(() => signal.removeEventListener('abort', abort)).then(resolve, reject);
  });
}
