import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { BerthError } from '../../core/errors.ts';
import type { ExecResult, Host } from '../../core/host.ts';
import { capabilitiesOf, type TmuxCapabilities } from './version.ts';

/** A tmux server: berth's own, or one of the user's that a session was adopted from. */
export interface TmuxServer {
  readonly socket: string;
  /** Folder for the configuration of our own server; null for a server that is not ours. */
  readonly own: string | null;
}

/** berth's own server: its socket and configuration are in the state folder, nobody else's settings apply. */
export function ownServer(home: string): TmuxServer {
  return { socket: join(socketFolder(home), 'tmux.sock'), own: join(home, 'tmux') };
}

/** Keeps our server's control client attached while there is no session yet. No name that a user may give. */
export const HOLDER = '_berth';

const CONFIGURATION = `# Written by berth for its own tmux server, at each start.
set -s exit-empty off
set -s escape-time 0
set -g default-size 200x50
set -g history-limit 50000
set -g mouse on
set -g set-titles off
set -g remain-on-exit off
set -g destroy-unattached off
set -g update-environment ''
setw -g automatic-rename off
setw -g allow-rename off
`;

/**
 * Start our server unless it runs. While an earlier one ends tmux refuses, and on a busy machine that takes a while.
 *
 * @throws {BerthError} `RUNTIME_UNAVAILABLE` without tmux, `TMUX_UNSUPPORTED` for an old one, `TMUX_FAILED`
 */
export async function ensureServer(host: Host, server: TmuxServer): Promise<TmuxCapabilities> {
  const capabilities = await askVersion(host);
  if (server.own === null) return capabilities;
  mkdirSync(server.own, { recursive: true, mode: 0o700 });
  mkdirSync(join(server.socket, '..'), { recursive: true, mode: 0o700 });
  for (const deadline = Date.now() + ENDING_MS; ; await delay(LOOK_MS)) {
    if ((await tmux(host, server, ['has-session', '-t', `=${HOLDER}`])).exitCode === 0) return capabilities;
    writeFileSync(join(server.own, 'tmux.conf'), CONFIGURATION, { mode: 0o600 });
    const made = await tmux(host, server, ['new-session', '-d', '-s', HOLDER, 'exec sleep 2147483647']);
    if (made.exitCode === 0 || /duplicate session/.test(made.stderr)) return capabilities;
    if (!isEnding(made.stderr) || Date.now() > deadline) throw notStarted(server, made.stderr.trim());
  }
}

/** How long a server may take to end. */
const ENDING_MS = 30_000;
const LOOK_MS = 50;

/** What tmux says of a server that is about to end, or has this moment. */
function isEnding(words: string): boolean {
  return /server exited|lost server|no server running|error connecting/.test(words);
}

function notStarted(server: TmuxServer, words: string): BerthError {
  return new BerthError(`berth's tmux server did not start: ${words || 'it said nothing'}.`, {
    code: 'TMUX_FAILED',
    hint: `Try it by hand: tmux ${serverArguments(server).join(' ')} new-session.`,
  });
}

/**
 * End our server when its last session has gone and no client is attached, in one command: a session that is
 * made meanwhile stays. A client that has just left may still count for a moment.
 */
export async function endIfEmpty(host: Host, server: TmuxServer): Promise<void> {
  if (server.own === null || !existsSync(server.socket)) return;
  // one x a session
  const isEmpty = '#{&&:#{==:#{S:x},x},#{==:#{session_attached},0}}';
  const kill = 'display-message -p "#{pid}"; kill-server';
  const end = ['if-shell', '-F', '-t', `=${HOLDER}:`, isEmpty, kill, 'display-message -p "#{S:x}"'];
  for (let look = 0; look < 10; look++) {
    const said = (await tmux(host, server, end)).stdout.trim();
    if (/^\d+$/.test(said)) await ended(host, server, said);
    if (said !== 'x') return;
    await delay(LOOK_MS);
  }
}

/**
 * A server that was told to end still takes connections for a moment, and what is made on it ends with it. One that
 * still owes words to a client whose reader was killed waits for ever, and turns everybody away.
 */
async function ended(host: Host, server: TmuxServer, pid: string): Promise<void> {
  const patience = Date.now() + GOODBYE_MS;
  for (const deadline = Date.now() + ENDING_MS; Date.now() < deadline; await delay(LOOK_MS)) {
    const { stdout, stderr } = await tmux(host, server, ['display-message', '-p', '#{pid}']);
    const turnsAway = /server exited|lost server/.test(stderr);
    if (stdout.trim() !== pid && !turnsAway) return;
    if (turnsAway && Date.now() > patience) host.signal(Number(pid), 'SIGKILL');
  }
}

const GOODBYE_MS = 1000;

/** The options that name a server. */
export function serverArguments({ socket, own }: TmuxServer): readonly string[] {
  return ['-u', '-S', socket, ...(own === null ? [] : ['-f', join(own, 'tmux.conf')])];
}

/** One command in a process of its own: for what has to work without a connection. */
export function tmux(host: Host, server: TmuxServer, argv: readonly string[]): Promise<ExecResult> {
  return host.exec(
    { argv: ['tmux', ...serverArguments(server), ...argv], cwd: server.own, env: {} },
    { timeoutMs: 10_000 },
  );
}

/** @throws {BerthError} `RUNTIME_UNAVAILABLE` without tmux, `TMUX_UNSUPPORTED` for an old one */
export async function askVersion(host: Host): Promise<TmuxCapabilities> {
  const asked = await host.exec({ argv: ['tmux', '-V'], cwd: null, env: {} }, { timeoutMs: 5_000 });
  if (asked.exitCode === 0) return capabilitiesOf(asked.stdout);
  throw new BerthError('There is no tmux on this machine.', {
    code: 'RUNTIME_UNAVAILABLE',
    hint: 'Install tmux 3.2 or newer for terminal sessions; tasks without a terminal run without it.',
  });
}

/** The state folder, or, where its path is too long for a socket, a private folder named after it. */
function socketFolder(home: string): string {
  if (Buffer.byteLength(home) <= LONGEST_FOLDER) return home;
  const id = createHash('sha256').update(home).digest('hex').slice(0, 16);
  return join(process.env.XDG_RUNTIME_DIR ?? tmpdir(), `berth-${process.getuid?.() ?? 0}-${id}`);
}

/** 104 bytes on macOS, 108 on Linux, less the name of the socket. */
const LONGEST_FOLDER = 80;
