import { setTimeout as delay } from 'node:timers/promises';
import { fromBytes } from '../core/command.ts';
import { BerthError } from '../core/errors.ts';
import type { Host, Spawned } from '../core/host.ts';
import { type ControlEvent, ControlParser, commandLine, splitNotifications } from './tmux/control-parser.ts';
import { ensureServer, HOLDER, serverArguments, type TmuxServer, tmux } from './tmux/server.ts';
import type { TmuxCapabilities } from './tmux/version.ts';

/** A connection to one tmux server: a command costs a seventh of a millisecond instead of a process. */
export interface TmuxControl {
  readonly capabilities: TmuxCapabilities;
  /**
   * Run one command and answer its lines, as byte strings (core/command.ts).
   *
   * @param argv     as after `tmux`; any text but NUL
   * @param options  `raw`: the lines may hold anything, so none of them is taken for a notification
   * @throws {BerthError} `TMUX_FAILED` with tmux's own words, `TMUX_GONE` when the server ended
   */
  run(argv: readonly string[], options?: { readonly raw: boolean }): Promise<readonly string[]>;
  /** One that runs others (`if-shell`), in a process of its own: here each of them would give a reply. Never rejects. */
  runBeside(argv: readonly string[]): Promise<void>;
  /** Hints that something changed; the files and the processes say what. Returns how to stop listening. */
  listen(listener: (event: ControlEvent) => void): () => void;
  /** True from the moment that no command can be answered any more. */
  readonly ended: boolean;
  /** Let go of the server, which stays. Never rejects. */
  close(): Promise<void>;
}

/** How long a command may take. A blocking one (`wait-for`) has no place on this connection. */
const ANSWER_MS = 10_000;
const CLOSE_MS = 1_000;

/**
 * Connect to a server, and start it where it is our own.
 *
 * @param target  session to attach to; our own server has one for this
 * @throws {BerthError} as `ensureServer`, and `TMUX_GONE` when there is nothing to attach to
 */
export async function openTmux(host: Host, server: TmuxServer, target = `=${HOLDER}`): Promise<TmuxControl> {
  const capabilities = await ensureServer(host, server);
  // without output no reader of ours can ever keep the server waiting
  const flags = 'no-output,ignore-size';
  const child = host.spawn(
    {
      argv: ['tmux', ...serverArguments(server), '-C', 'attach-session', '-t', target, '-f', flags],
      cwd: server.own,
      env: {},
    },
    { stdin: 'pipe', stdout: 'pipe', stderr: 'ignore', detached: true },
  );
  const control = new Connection(child, capabilities, (argv) => tmux(host, server, argv));
  await control.run(['display-message', '-p', '']);
  return control;
}

interface Waiting {
  readonly raw: boolean;
  resolve(lines: readonly string[]): void;
  reject(error: BerthError): void;
}

class Connection implements TmuxControl {
  readonly capabilities: TmuxCapabilities;
  ended = false;
  private readonly child: Spawned;
  private readonly parser = new ControlParser();
  private readonly waiting: Waiting[] = [];
  private readonly listeners = new Set<(event: ControlEvent) => void>();
  private lastNumber = -1;
  private drained: Promise<void> | null = null;
  private readonly beside: (argv: readonly string[]) => Promise<unknown>;

  constructor(
    child: Spawned,
    capabilities: TmuxCapabilities,
    beside: (argv: readonly string[]) => Promise<unknown>,
  ) {
    this.child = child;
    this.capabilities = capabilities;
    this.beside = beside;
    child.stdin?.on('error', () => this.end());
    child.stdout?.on('data', (bytes: Buffer) => this.read(bytes));
    child.stdout?.on('close', () => this.end());
    void child.ended.then(() => this.end());
  }

  async run(argv: readonly string[], { raw } = { raw: false }): Promise<readonly string[]> {
    while (this.drained !== null) await this.drained;
    if (this.ended) throw gone();
    const line = commandLine(argv);
    const reply = new Promise<readonly string[]>((resolve, reject) => {
      const deadline = setTimeout(() => this.abandon(), ANSWER_MS);
      const settle = () => clearTimeout(deadline);
      this.waiting.push({
        raw,
        resolve: (lines) => {
          settle();
          resolve(lines);
        },
        reject: (error) => {
          settle();
          reject(error);
        },
      });
    });
    const { stdin } = this.child;
    if (stdin?.write(line) === false) {
      this.drained = new Promise((resolve) => {
        const free = () => {
          this.drained = null;
          resolve();
        };
        stdin.once('drain', free).once('close', free);
      });
    }
    return reply;
  }

  async runBeside(argv: readonly string[]): Promise<void> {
    await this.beside(argv).catch(() => {});
  }

  listen(listener: (event: ControlEvent) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  async close(): Promise<void> {
    // the end of its input makes the client leave; a server that is stuck needs the signal
    this.child.stdin?.end();
    const patience = new AbortController();
    const late = delay(CLOSE_MS, 'late', { signal: patience.signal }).catch(() => 'left');
    if ((await Promise.race([this.child.ended, late])) === 'late') this.child.kill('SIGTERM');
    patience.abort();
    await Promise.race([this.child.ended, delay(CLOSE_MS)]);
    this.end();
  }

  private read(bytes: Buffer): void {
    for (const event of this.parser.feed(bytes)) {
      if (event.kind !== 'reply') this.tell(event);
      else if (event.mine) this.answer(event);
    }
  }

  private answer(reply: Extract<ControlEvent, { kind: 'reply' }>): void {
    const next = this.waiting.shift();
    // a reply that nobody waits for, or out of order: from here on no answer can be trusted
    if (!next || reply.number <= this.lastNumber) {
      if (next) this.waiting.unshift(next);
      this.abandon();
      return;
    }
    this.lastNumber = reply.number;
    const { own, strays } = next.raw ? { own: reply.lines, strays: [] } : splitNotifications(reply.lines);
    for (const stray of strays) this.tell(stray);
    const lines = own.map((line) => fromBytes(Buffer.from(line, 'latin1')));
    if (reply.ok) next.resolve(lines);
    else next.reject(failed(lines.join(' ')));
  }

  private tell(event: ControlEvent): void {
    for (const listener of this.listeners) listener(event);
  }

  private abandon(): void {
    this.child.kill('SIGTERM');
    this.end();
  }

  private end(): void {
    if (this.ended) return;
    this.ended = true;
    for (const { reject } of this.waiting.splice(0)) reject(gone());
  }
}

function failed(words: string): BerthError {
  return new BerthError(`tmux refused: ${words}.`, {
    code: 'TMUX_FAILED',
    hint: '`berth sessions` shows the sessions that are there.',
  });
}

function gone(): BerthError {
  return new BerthError('The tmux server has ended.', {
    code: 'TMUX_GONE',
    hint: 'Make the session again with `berth session new`.',
  });
}
