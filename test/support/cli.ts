import { PassThrough } from 'node:stream';
import type { Deps } from '../../src/actions/deps.ts';
import { main } from '../../src/cli/cli.ts';
import { loadSettings } from '../../src/config.ts';
import type { Store } from '../../src/core/store.ts';
import { localHost } from '../../src/hosts/local.ts';
import { openSqliteStore } from '../../src/stores/sqlite.ts';

export interface CliResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CliOptions {
  /** The state folder. */
  readonly home: string;
  readonly cwd: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Columns of a terminal; none without. */
  readonly columns?: number;
  readonly nowMs?: number;
  readonly deps?: Partial<Deps>;
}

/** The command line in this process, over a real store; parts of other machines' business are left out. */
export async function berthInProcess(argv: readonly string[], options: CliOptions): Promise<CliResult> {
  let store: Promise<Store> | null = null;
  const deps: Deps = {
    version: '0.0.0-test',
    env: options.env ?? {},
    cwd: options.cwd,
    home: options.home,
    now: () => options.nowMs ?? Date.now(),
    host: localHost(),
    store: () => {
      store ??= openSqliteStore({ directory: options.home });
      return store;
    },
    fileStore: () => openSqliteStore({ directory: options.home }),
    settings: () => loadSettings(options.env ?? {}, null),
    contexts: absent('contexts'),
    engines: absent('engines'),
    runs: {
      ...absent<Deps['runs']>('runs'),
      path: (directory) => `/runs/${directory}`,
      remove: async () => undefined,
    },
    worker: { ...absent<Deps['worker']>('worker'), nudge: async () => undefined },
    terminals: absent('terminals'),
    foreground: () => Promise.reject(new Error('not in this test: foreground')),
    libraries: async () => ({}),
    ...options.deps,
  };
  const stdout = sink(options.columns);
  const stderr = sink(options.columns);
  try {
    const code = await main(argv, deps, { stdout, stderr });
    return { code, stdout: stdout.text(), stderr: stderr.text() };
  } finally {
    await (await (store as Promise<Store> | null)?.catch(() => null))?.close();
  }
}

/** Whatever is asked of it fails, and says what was asked. */
function absent<T extends object>(name: string): T {
  return new Proxy({} as T, {
    get: (_, key) => () => Promise.reject(new Error(`not in this test: ${name}.${String(key)}`)),
  });
}

function sink(columns: number | undefined) {
  const stream = new PassThrough();
  const chunks: Buffer[] = [];
  stream.on('data', (chunk: Buffer) => chunks.push(chunk));
  const terminal = columns === undefined ? {} : { isTTY: true, columns };
  return Object.assign(stream, terminal, { text: () => Buffer.concat(chunks).toString('utf8') });
}
