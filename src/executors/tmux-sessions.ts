import { existsSync, mkdirSync, readFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from '../core/command.ts';
import { quoteWord, shellQuote, toBytes } from '../core/command.ts';
import type { ContextRequest } from '../core/context.ts';
import { BerthError } from '../core/errors.ts';
import type { Host, ProcessRef } from '../core/host.ts';
import { EMPTY_CONTEXT, type SessionContext } from '../core/session.ts';
import { isSessionName, refuseExcluded } from '../core/session-name.ts';
import { askVersion, ensureServer, ownServer, type TmuxServer, tmux } from './tmux/server.ts';

/**
 * A session on disk, `sessions/<name>/`:
 *
 *   session.json   this record
 *   start.sh       what its pane runs, with the values of its environment
 */
export interface SessionRecord {
  readonly name: string;
  readonly server: TmuxServer;
  /** Ids never name another thing while the server lives: `$3` and `%7`. */
  readonly session: string;
  readonly pane: string;
  /** The first process of the pane. A server that was started anew gives the same ids to others. */
  readonly process: ProcessRef;
  readonly made: boolean;
  readonly provider: string | null;
  readonly request: ContextRequest | null;
  readonly context: SessionContext;
  /** File that its agent tells its events in; null without such an agent. */
  readonly events: string | null;
  /** Ends what runs in its container, which outlives the program that entered it; null without one. */
  readonly end: Command | null;
}

/** What a new session is to run, and what is known of it. */
export type SessionPlan = Pick<
  SessionRecord,
  'name' | 'provider' | 'request' | 'context' | 'events' | 'end'
> & {
  /** Program of the pane. */
  readonly command: Command;
};

/** The sessions of a state folder: those that berth made on its own server, and those that it adopted. */
export class TmuxSessions {
  private readonly host: Host;
  private readonly home: string;

  constructor(host: Host, home: string) {
    this.host = host;
    this.home = home;
  }

  /** @throws {BerthError} `NAME_TAKEN`, `SESSION_GONE` when its program ended at once, and as `ensureServer` */
  async make({ command, ...plan }: SessionPlan): Promise<SessionRecord> {
    const server = ownServer(this.home);
    await ensureServer(this.host, server);
    this.refuseTaken(plan.name);
    // a window that shows the end of a task may have outlived the session's own pane
    await tmux(this.host, server, ['kill-session', '-t', `=${plan.name}`]);
    const script = this.writeScript(plan.name, command);
    const made = await tmux(this.host, server, [
      ...['new-session', '-d', '-P', '-F', PANE_FORMAT, '-s', plan.name],
      `exec sh ${quoteWord(script)}`,
    ]);
    if (made.exitCode !== 0) throw refused(made.stderr);
    const pane = parsePane(made.stdout);
    const record = { ...plan, ...this.placeOf(pane), server, made: true };
    this.write(record);
    await this.mustStay(record);
    return record;
  }

  /**
   * Take a pane of the user's own server: the one that `$TMUX` names, else the default one.
   *
   * @param target   as tmux takes it; a name means the session of exactly this name
   * @param options  `exclude`: patterns of names that are kept out, berth's and tmux's
   */
  async adopt(
    target: string,
    { name, exclude }: { readonly name: string | null; readonly exclude: readonly string[] },
  ): Promise<SessionRecord> {
    await askVersion(this.host);
    const exact = exactTarget(target);
    const ask = (...argv: readonly string[]) =>
      this.host.exec({ argv: ['tmux', ...argv], cwd: null, env: {} }, { timeoutMs: 5_000 });
    // for a pane that is not there display-message would take another one
    const there = await ask('list-panes', '-t', exact);
    if (there.exitCode !== 0) throw notFound(target, there.stderr);
    const asked = await ask('display-message', '-p', '-t', exact, PANE_FORMAT);
    const pane = parsePane(asked.stdout);
    if (asked.exitCode !== 0 || pane.pane === '') throw notFound(target, asked.stderr);
    if (pane.dead) throw ended(target);
    refuseExcluded(pane.sessionName, exclude);
    const known = name ?? pane.sessionName.replaceAll(/[^A-Za-z0-9_-]/g, '-').replace(/^[-_]+/, '');
    if (!isSessionName(known)) throw namelessPane(pane.sessionName);
    refuseExcluded(known, exclude);
    this.refuseTaken(known);
    mkdirSync(this.folder(known), { recursive: true, mode: 0o700 });
    const place = this.placeOf(pane);
    const currentDir = directoryOf(place.process.pid) ?? pane.directory;
    const record: SessionRecord = {
      ...{ name: known, ...place, provider: null, request: null, made: false, events: null, end: null },
      server: { socket: pane.socket, own: null },
      context: { ...EMPTY_CONTEXT, currentDir },
    };
    this.write(record);
    return record;
  }

  find(name: string): SessionRecord | null {
    try {
      return JSON.parse(readFileSync(join(this.folder(name), 'session.json'), 'utf8')) as SessionRecord;
    } catch {
      return null;
    }
  }

  /** @throws {BerthError} `SESSION_NOT_FOUND`, or `SESSION_GONE` when its pane has ended */
  mustFind(name: string): SessionRecord {
    const record = this.find(name);
    if (record === null) throw unknownSession(name);
    if (!this.isAlive(record)) throw ended(name);
    return record;
  }

  isAlive(record: SessionRecord): boolean {
    return this.host.isAlive(record.process);
  }

  /** Directory of its first process now, null when that was deleted; behind a container's wall the first one. */
  directory({ context, process: { pid } }: SessionRecord): string | null {
    const isSeen = context.containerId === null && existsSync('/proc');
    return isSeen ? directoryOf(pid) : context.currentDir;
  }

  /** The command that shows it on the terminal of whoever runs it. */
  attachCommand({ server, session, pane }: SessionRecord, inside: string | null): Command {
    const client = inside === server.socket ? 'switch-client' : 'attach-session';
    const argv = ['tmux', '-u', '-S', server.socket, 'select-window', '-t', pane, ';', client, '-t', session];
    return { argv, cwd: null, env: {} };
  }

  async remove(name: string): Promise<boolean> {
    const record = this.find(name);
    if (record === null) return false;
    if (record.made && this.isAlive(record))
      await tmux(this.host, record.server, ['kill-session', '-t', record.session]);
    if (record.end !== null) await this.host.exec(record.end, { timeoutMs: 10_000 });
    rmSync(this.folder(name), { recursive: true, force: true });
    return true;
  }

  /** Where it is written down; made with the session. */
  folder(name: string): string {
    return join(this.home, 'sessions', name);
  }

  private refuseTaken(name: string): void {
    const there = this.find(name);
    if (there === null || !this.isAlive(there)) return;
    throw new BerthError(`There is a session "${name}" already.`, {
      code: 'NAME_TAKEN',
      hint: `Choose another name, or end that one with \`berth session rm ${name}\`.`,
    });
  }

  /** In a file: what stands in a pane's command can be read by every client of the server. */
  private writeScript(name: string, { argv, cwd, env }: Command): string {
    mkdirSync(this.folder(name), { recursive: true, mode: 0o700 });
    const path = join(this.folder(name), 'start.sh');
    const text = [
      ...(cwd === null ? [] : [`cd ${quoteWord(cwd)} || exit 66`]),
      ...Object.entries(env).map(([variable, value]) => `export ${variable}=${quoteWord(value)}`),
      `exec ${shellQuote(argv)}\n`,
    ];
    writeFileSync(path, toBytes(text.join('\n')), { mode: 0o600 });
    return path;
  }

  private write(record: SessionRecord): void {
    writeFileSync(join(this.folder(record.name), 'session.json'), JSON.stringify(record), { mode: 0o600 });
  }

  private placeOf(pane: Pane): Pick<SessionRecord, 'session' | 'pane' | 'process'> {
    const { bootId } = this.host.self;
    return {
      session: pane.session,
      pane: pane.pane,
      process: { pid: pane.pid, startTime: startTimeOf(pane.pid), bootId },
    };
  }

  /** A program that cannot start, or an agent that ends with an error, does so within moments. */
  private async mustStay(record: SessionRecord): Promise<void> {
    const until = Date.now() + SETTLE_MS;
    while (Date.now() < until && this.isAlive(record)) await new Promise((done) => setTimeout(done, 20));
    if (this.isAlive(record)) return;
    rmSync(this.folder(record.name), { recursive: true, force: true });
    throw new BerthError(`The program of session "${record.name}" ended at once.`, {
      code: 'SESSION_GONE',
      hint: 'Try the same context with `berth run`, which shows what it says.',
    });
  }
}

const SETTLE_MS = 200;

/** The directory last: it may hold anything. */
const PANE_FORMAT =
  '#{session_id} #{pane_id} #{pane_pid} #{pane_dead} #{socket_path}\t#{session_name}\t#{pane_current_path}';

interface Pane {
  readonly session: string;
  readonly pane: string;
  readonly pid: number;
  readonly dead: boolean;
  readonly socket: string;
  readonly sessionName: string;
  readonly directory: string | null;
}

function parsePane(line: string): Pane {
  const [ids = '', sessionName = '', directory = ''] = line.replace(/\n$/, '').split('\t');
  const [session = '', pane = '', pid = '0', dead = '', ...socket] = ids.split(' ');
  return {
    session,
    pane,
    pid: Number(pid),
    dead: dead === '1',
    socket: socket.join(' '),
    sessionName,
    directory: directory === '' ? null : directory,
  };
}

/** `work` means the session of this name, never one whose name begins so. */
function exactTarget(target: string): string {
  if (/^[%$@=]/.test(target)) return target;
  return target.includes(':') ? `=${target}` : `=${target}:`;
}

/** Null for a directory that is gone, and where there is no /proc. */
function directoryOf(pid: number): string | null {
  try {
    const path = readlinkSync(`/proc/${pid}/cwd`);
    return path.endsWith(' (deleted)') ? null : path;
  } catch {
    return null;
  }
}

function startTimeOf(pid: number): string {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '';
  } catch {
    return '';
  }
}

function unknownSession(name: string): BerthError {
  return new BerthError(`There is no terminal session "${name}".`, {
    code: 'SESSION_NOT_FOUND',
    hint: '`berth sessions` lists them; `berth session new NAME` makes one.',
  });
}

function notFound(target: string, words: string): BerthError {
  return new BerthError(`tmux has no pane ${JSON.stringify(target)}: ${words.trim() || 'it said nothing'}.`, {
    code: 'SESSION_NOT_FOUND',
    hint: '`tmux list-panes -a` lists them; give a session, session:window.pane, or a pane id such as %7.',
  });
}

function namelessPane(sessionName: string): BerthError {
  return new BerthError(
    `The session ${JSON.stringify(sessionName)} of tmux has no name that berth can use.`,
    {
      code: 'INVALID_VALUE',
      hint: 'Give it one for berth: `--name NAME`.',
    },
  );
}

function ended(name: string): BerthError {
  return new BerthError(`Session "${name}" is gone: its program has ended.`, {
    code: 'SESSION_GONE',
    hint: `Remove it with \`berth session rm ${name}\`, and make it again.`,
  });
}

function refused(words: string): BerthError {
  return new BerthError(`tmux refused: ${words.trim()}.`, {
    code: /duplicate session/.test(words) ? 'NAME_TAKEN' : 'TMUX_FAILED',
    hint: '`berth sessions` shows the sessions that are there.',
  });
}
