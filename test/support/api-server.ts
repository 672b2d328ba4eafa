import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { CONTEXT, eventually, kubectl } from './cluster.ts';

const run = promisify(execFile);

/** Process id of the test cluster's API server; null where it is not one of this machine. */
export const API_SERVER_PID = Number(process.env.BERTH_TEST_KUBE_API_SERVER_PID) || null;

/** An API server of a test's own beside that of the cluster, on the same database: its end disturbs nobody. */
export class OwnApiServer implements AsyncDisposable {
  /** Its context has the name of the cluster's. */
  readonly kubeconfig: string;
  private readonly folder: string;
  private readonly argv: readonly string[];
  private child: ChildProcess | null = null;

  private constructor(folder: string, argv: readonly string[]) {
    this.folder = folder;
    this.kubeconfig = join(folder, 'config');
    this.argv = argv;
  }

  static async open(pid: number): Promise<OwnApiServer> {
    const folder = mkdtempSync(join(tmpdir(), 'berth-api-server-'));
    const port = await freePort();
    const argv = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').slice(0, -1);
    const own = [...argv, `--secure-port=${port}`, '--endpoint-reconciler-type=none'];
    const server = new OwnApiServer(folder, own);
    const config = JSON.parse(
      await kubectl(['config', 'view', '--raw', '--minify', '--flatten', '--output=json']),
    );
    config.clusters[0].cluster.server = `https://127.0.0.1:${port}`;
    writeFileSync(server.kubeconfig, JSON.stringify(config), { mode: 0o600 });
    await server.start();
    return server;
  }

  async start(): Promise<void> {
    const [program = '', ...args] = this.argv;
    this.child = spawn(program, args, { stdio: 'ignore' });
    const { child } = this;
    await eventually('the API server is ready', async () => {
      if (child.exitCode !== null) throw new Error(`The API server ended with ${child.exitCode}.`);
      return this.isReady();
    });
  }

  /** As a machine that loses its power. */
  async kill(): Promise<void> {
    const { child } = this;
    if (child === null) return;
    this.child = null;
    child.kill('SIGKILL');
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  }

  private async isReady(): Promise<boolean> {
    const args = [`--kubeconfig=${this.kubeconfig}`, `--context=${CONTEXT}`, 'get', '--raw', '/readyz'];
    return run('kubectl', args, { timeout: 5000 }).then(
      () => true,
      () => false,
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === 'object' && address !== null ? address.port : 0;
}
