import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { createWriteStream, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe } from 'vitest';
import { until } from './berth.ts';
import { call } from './boxes.ts';
import { has } from './engines.ts';

/**
 * A describe block that needs a docker daemon of its own. Without root or dockerd its title says so and its tests are
 * skipped, but not in CI: there all that these tests prove would be missing, and nobody would see it.
 */
export function describeWithPrivateDocker(title: string, body: () => void): void {
  const reason = missing();
  if (reason === null) describe(title, body);
  else if (process.env.CI === 'true') throw new Error(`"${title}" must run in CI, and cannot: ${reason}.`);
  else describe.skip(`${title} [left out: ${reason}]`, body);
}

/** A docker daemon that may be stopped, killed and frozen, with the tests' image and nothing else. */
export class PrivateDocker implements AsyncDisposable {
  private readonly directory = mkdtempSync(join(tmpdir(), 'berth-dockerd-'));
  readonly env = { DOCKER_HOST: `unix://${this.directory}/socket` };
  private daemon: ChildProcess | null = null;

  async start(...options: readonly string[]): Promise<void> {
    const args = [
      ...['--config-file', configuration(this.directory), '--data-root', `${this.directory}/data`],
      ...['--exec-root', `${this.directory}/exec`, '--pidfile', `${this.directory}/pid`],
      ...['--host', this.env.DOCKER_HOST, '--bridge=none', '--iptables=false', '--log-level=warn'],
    ];
    const log = createWriteStream(`${this.directory}/log`, { flags: 'a' });
    // a killed one leaves its file, and believes in it when its number is not free yet
    rmSync(`${this.directory}/pid`, { force: true });
    // in a network of its own: without a bridge it removes `docker0`, which is that of the machine's docker
    const argv = ['--net', '--', 'dockerd', ...args, ...options];
    const daemon = spawn('unshare', argv, { stdio: ['ignore', 'pipe', 'pipe'] });
    this.daemon = daemon;
    daemon.stdout?.pipe(log);
    daemon.stderr?.pipe(log);
    const answers = async () => {
      if (hasEnded(daemon)) throw new Error('The daemon ended at once.');
      return this.call('version').then(Boolean, () => false);
    };
    await until('the daemon answers', answers, 120_000).catch((error) => {
      throw new Error(`${error.message} It said: ${this.lastWords()}`);
    });
    const images = await this.call('images', '--quiet');
    if (images === '') await this.loadImage();
  }

  /** A file, not a pipe, of which only the last program's end counts. */
  private async loadImage(): Promise<void> {
    const file = `${this.directory}/image.tar`;
    await call('docker', 'save', '--output', file, 'berth-busybox');
    await this.call('load', '--input', file);
    rmSync(file);
  }

  private lastWords(): string {
    return readFileSync(`${this.directory}/log`, 'utf8').slice(-500);
  }

  /** TERM or KILL, and gone. */
  async end(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    const { daemon } = this;
    if (daemon === null) return;
    this.daemon = null;
    if (!hasEnded(daemon)) {
      const ended = new Promise((resolve) => daemon.once('exit', resolve));
      daemon.kill(signal);
      await ended;
    }
    if (signal === 'SIGKILL') await this.forgetContainerd();
  }

  /** It dies with a daemon that is killed; the file that it leaves is believed while its number is not free yet. */
  private async forgetContainerd(): Promise<void> {
    const file = `${this.directory}/exec/containerd/containerd.pid`;
    const pid = readFileSync(file, 'utf8').trim();
    const runs = () => {
      try {
        return !/\) [ZX] /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
      } catch {
        return false;
      }
    };
    await until('its containerd is dead', () => !runs());
    rmSync(file);
  }

  /** It accepts, and answers nothing. */
  freeze(): void {
    this.daemon?.kill('SIGSTOP');
  }

  wake(): void {
    this.daemon?.kill('SIGCONT');
  }

  call(...args: readonly string[]): Promise<string> {
    return call('docker', '--host', this.env.DOCKER_HOST, ...args);
  }

  /** A running container, with a project directory of the host in it. */
  run(...args: readonly string[]): Promise<string> {
    const words = ['run', '--detach', '--init', '--pull=never', '--network=none'];
    return this.call(...words, ...args, 'berth-busybox', 'sleep', '100000');
  }

  /** Command lines in a container, the search left out. */
  async processes(container: string): Promise<readonly string[]> {
    const text = await this.call('exec', container, 'ps', '-o', 'args');
    return text
      .split('\n')
      .slice(1)
      .filter((line) => line !== 'ps -o args');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.wake();
    try {
      if (this.daemon === null) await this.start();
      const all = await this.call('ps', '--all', '--quiet');
      if (all !== '') await this.call('rm', '--force', ...all.split('\n'));
    } finally {
      await this.end('SIGTERM');
    }
    const gone = () => !existsSync(`${this.directory}/exec/containerd/containerd.pid`);
    await until('its containerd is gone', gone);
    // one that was killed leaves its folder mounted on itself
    await call('umount', `${this.directory}/data`).catch(() => {});
    rmSync(this.directory, { recursive: true });
  }
}

function hasEnded({ exitCode, signalCode }: ChildProcess): boolean {
  return exitCode !== null || signalCode !== null;
}

/** Of the tests' own daemon, which works round what a sandbox lacks. */
function configuration(directory: string): string {
  const path = join(process.env.BERTH_ENGINE_RUN ?? '/run/berth-engines', 'docker', 'daemon.json');
  if (existsSync(path)) return path;
  writeFileSync(join(directory, 'daemon.json'), '{}');
  return join(directory, 'daemon.json');
}

function missing(): string | null {
  if (process.getuid?.() !== 0) return 'not root';
  if (!has('docker')) return 'no docker';
  try {
    execFileSync('dockerd', ['--version'], { stdio: 'ignore' });
    return null;
  } catch {
    return 'no dockerd';
  }
}
