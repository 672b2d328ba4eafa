import { type ChildProcess, spawn } from 'node:child_process';
import { LEASE_MS } from './lease.ts';

const WORKERS = 6;

/** Worker processes that are replaced when they die. */
export class Crew {
  private readonly members: ChildProcess[] = [];
  private readonly start: (at: number) => ChildProcess;
  private over = false;
  private stopped: NodeJS.Timeout | null = null;
  /** What workers complained of; one that is healthy says nothing. */
  readonly words: string[] = [];

  /** @param address  of the queue */
  constructor(address: string, program: string, traces: string) {
    this.start = (at) => {
      const child = spawn(process.execPath, [program, address, `w${at}`, traces], {
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
   * Stop anyone for up to three leases; kill anyone while somebody is stopped. One at a time is stopped, because it
   * may be in the middle of a transaction, and all others wait until the server has ended that.
   */
  hurt(): 'kill' | 'stop' {
    const member = this.members[Math.floor(Math.random() * WORKERS)];
    if (this.stopped !== null) {
      member?.kill('SIGKILL');
      return 'kill';
    }
    member?.kill('SIGSTOP');
    this.stopped = setTimeout(
      () => {
        member?.kill('SIGCONT');
        this.stopped = null;
      },
      (0.5 + Math.random() * 2.5) * LEASE_MS,
    );
    return 'stop';
  }

  /** Whoever is stopped goes on. */
  calm(): void {
    for (const member of this.members) member.kill('SIGCONT');
  }

  async end(): Promise<void> {
    this.over = true;
    if (this.stopped) clearTimeout(this.stopped);
    for (const member of this.members) {
      if (member.exitCode !== null || member.signalCode !== null) continue;
      const gone = new Promise((resolve) => member.once('exit', resolve));
      member.kill('SIGKILL');
      await gone;
    }
  }
}
