import { execFile } from 'node:child_process';
import { chmodSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const script = join(import.meta.dirname, '../engines/postgres.sh');

/** A server of PostgreSQL that no other test uses, so that it may be broken. It waits for the disk like any other. */
export class PrivatePostgres implements AsyncDisposable {
  private readonly home = mkdtempSync(join(tmpdir(), 'berth-postgres-'));
  private readonly env = {
    ...process.env,
    BERTH_ENGINE_CACHE: join(this.home, 'cache'),
    BERTH_ENGINE_RUN: join(this.home, 'run'),
    // apart from others that start at this moment
    BERTH_ENGINE_POSTGRES_PORT: String(26_000 + Math.floor(Math.random() * 4000)),
    BERTH_TEST_POSTGRES_URL: '',
  };

  static async start(): Promise<PrivatePostgres> {
    const server = new PrivatePostgres();
    // PostgreSQL does not run as root, and has to reach its folder
    chmodSync(server.home, 0o755);
    await server.up();
    return server;
  }

  get url(): string {
    return this.file('url');
  }

  /** As a power cut would: no process of it gets to do anything more. */
  kill(): void {
    const [pid = ''] = readFileSync(join(this.file('data'), 'postmaster.pid'), 'utf8').split('\n');
    process.kill(Number(pid), 'SIGKILL');
  }

  /** On the same port as before. */
  async up(): Promise<void> {
    const { stdout } = await run('bash', [script, 'up'], { env: this.env });
    if (!stdout.includes('ready')) throw new Error(stdout);
  }

  private file(name: string): string {
    return readFileSync(join(this.home, 'run/postgres', name), 'utf8').trim();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await run('bash', [script, 'down'], { env: this.env });
    rmSync(this.home, { recursive: true, force: true });
  }
}
