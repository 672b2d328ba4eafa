import { watch as watchFile } from 'node:fs';

const LOOK_MS = 200;

/** When to look at a folder: at its changes, and in any case now and then. It keeps no process from ending. */
export class Looks {
  private changed = false;
  private wake = () => {};
  private readonly watcher;

  constructor(path: string) {
    this.watcher = watchFile(path, { persistent: false }, () => {
      this.changed = true;
      this.wake();
    });
    this.watcher.on('error', () => this.watcher.close());
  }

  /** Resolves at the next change, or one since the last call; at the latest after a fifth of a second. */
  async next(): Promise<void> {
    if (!this.changed) {
      await new Promise<void>((resolve) => {
        this.wake = resolve;
        setTimeout(resolve, LOOK_MS).unref();
      });
    }
    this.changed = false;
  }

  close(): void {
    this.watcher.close();
  }
}
