import { type ChildProcess, spawn } from 'node:child_process';
import { LEASE_MS } from './lease.ts';

const WORKERS = 6;

export interface Orders {
  readonly program: string;
  /** Of the queue. */
  readonly address: string;
  /** Where they write down what they do. */
  readonly traces: string;
  /** On average one in so many steps between two of their calls lasts longer than the lease. */
  readonly freezeEvery: number;
}

/** Worker processes that are replaced when they die. */
export class Crew {
  private readonly members: ChildProcess[] = [];
  private readonly start: (at: number) => ChildProcess;
  private over = false;
  private stopped: { readonly at: number; readonly timer: NodeJS.Timeout } | null = null;
  /** What workers complained of; one that is healthy says nothing. */
  readonly words: string[] = [];

  constructor({ program, address, traces, freezeEvery }: Orders) {
    this.start = (at) => {
      const child = spawn(process.execPath, [program, address, `w${at}`, traces, String(freezeEvery)], {
        stdio: ['pipe', 'ignore', 'pipe'],
      });
      child.stderr?.on('data', (words) => this.words.push(String(words)));
      child.on('exit', () => {
        if (!this.over) this.members[at] = this.start(at);
      });
      return child;
    };
    for (let at = 0; at < WORKERS; at += 1) this.members.push(this.start(at));
  }

  /**
   * Stop anyone for up to three leases, or now and then kill another one while he is stopped. One at a time is stopped,
   * because he may be in the middle of a transaction, and all others wait until the server has ended that. Kills are
   * rarer than leases: one who was stopped, or froze, shall wake up and go on where he was.
   */
  hurt(): 'kill' | 'stop' | null {
    const at = Math.floor(Math.random() * WORKERS);
    const member = this.members[at];
    if (this.stopped === null) {
      member?.kill('SIGSTOP');
      const wake = () => {
        member?.kill('SIGCONT');
        this.stopped = null;
      };
      this.stopped = { at, timer: setTimeout(wake, (0.5 + Math.random() * 2.5) * LEASE_MS) };
      return 'stop';
    }
    if (at === this.stopped.at || Math.random() < 0.7) return null;
    member?.kill('SIGKILL');
    return 'kill';
  }

  /** Whoever is stopped goes on. */
  calm(): void {
    for (const member of this.members) member.kill('SIGCONT');
  }

  async end(): Promise<void> {
    this.over = true;
    if (this.stopped) clearTimeout(this.stopped.timer);
    for (const member of this.members) {
      if (member.exitCode !== null || member.signalCode !== null) continue;
      const gone = new Promise((resolve) => member.once('exit', resolve));
      member.kill('SIGKILL');
      await gone;
    }
  }
}
