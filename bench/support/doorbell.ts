import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { constants, openSync } from 'node:fs';
import { Socket } from 'node:net';

/** A named pipe that a task writes a line into at its start: `echo >PATH`. */
export class Doorbell implements Disposable {
  readonly path: string;
  private readonly socket: Socket;

  constructor(path: string) {
    execFileSync('mkfifo', [path]);
    this.path = path;
    // opened for both, so that it has no end while nobody writes
    const fd = openSync(path, constants.O_RDWR | constants.O_NONBLOCK);
    this.socket = new Socket({ fd, readable: true, writable: false });
    this.socket.on('data', () => {});
  }

  /** Resolves at the next line. */
  async rung(): Promise<void> {
    await once(this.socket, 'data');
  }

  [Symbol.dispose](): void {
    this.socket.destroy();
  }
}
