import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findComposeFiles } from '../src/contexts/compose/find.ts';
import { readCompose } from '../src/contexts/compose/read.ts';

// Names of services by berth's own reading, in process, beside `docker compose config --services`.
// Each pair is measured one right after the other, so that both see the same machine.

const GOAL = 10;
const PAIRS = 15;

const service = (i: number) =>
  `  s${i}:\n    image: "registry/s${i}:\${TAG:-latest}"\n    environment:\n      KEY: "${i}"\n    volumes: ["./s${i}:/app"]\n`;

const PROJECTS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  '3 services': { 'compose.yaml': project(3) },
  '3 services, override and .env': {
    'compose.yaml': project(3),
    'compose.override.yaml': 'services:\n  s0:\n    volumes: ["./other:/app"]\n',
    '.env': 'TAG=one\n',
  },
  '60 services': { 'compose.yaml': project(60) },
};

for (const [name, files] of Object.entries(PROJECTS)) {
  const dir = mkdtempSync(join(tmpdir(), 'berth-bench-'));
  try {
    for (const [path, text] of Object.entries(files)) writeFileSync(join(dir, path), text);
    const firstMs = await timed(() => ourServices(dir));
    const pairs: { ours: number; theirs: number }[] = [];
    for (let i = 0; i < PAIRS; i++) {
      const ours = await timed(() => ourServices(dir));
      const theirs = await timed(() => theirServices(dir));
      pairs.push({ ours, theirs });
    }
    const ours = median(pairs.map((pair) => pair.ours));
    const theirs = median(pairs.map((pair) => pair.theirs));
    const ratio = median(pairs.map((pair) => pair.theirs / pair.ours));
    console.log(
      `services: ${name}: berth ${ours.toFixed(2)} ms (first ${firstMs.toFixed(1)}), compose ${theirs.toFixed(0)} ms, ` +
        `ratio ${ratio.toFixed(0)} (goal ${GOAL}: ${ratio >= GOAL ? 'ok' : 'TOO SLOW'})`,
    );
  } finally {
    rmSync(dir, { recursive: true });
  }
}

async function ourServices(dir: string): Promise<readonly string[]> {
  const source = await findComposeFiles(dir, { environment: process.env });
  if (source === null) throw new Error(`no Compose project in ${dir}`);
  return (await readCompose(source, process.env)).services.map(({ name }) => name);
}

function theirServices(dir: string): readonly string[] {
  const args = ['compose', 'config', '--services'];
  return execFileSync('docker', args, {
    cwd: dir,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  }).split('\n');
}

async function timed(work: () => unknown): Promise<number> {
  const start = performance.now();
  await work();
  return performance.now() - start;
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}

function project(services: number): string {
  return `services:\n${Array.from({ length: services }, (_, i) => service(i)).join('')}`;
}
